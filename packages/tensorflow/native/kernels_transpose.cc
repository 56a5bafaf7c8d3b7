// Small matrices transposed. Compiled for the very processor (-march=native).

#include "arithmetic.h"
#include "workers.h"

namespace refconv {

namespace {

// `count` matrices [rows, columns]; a number of rows or columns that is known while this is compiled makes the loops vectors.
template <int64_t knownRows, int64_t knownColumns>
void Transpose(const float* __restrict x, int64_t count, int64_t rows, int64_t columns, float* __restrict y) {
  if (knownRows) rows = knownRows;
  if (knownColumns) columns = knownColumns;
  for (int64_t i = 0; i < count; ++i, x += rows * columns, y += rows * columns) {
    if (knownRows) {
      for (int64_t column = 0; column < columns; ++column) {
        for (int64_t row = 0; row < rows; ++row) y[column * rows + row] = x[row * columns + column];
      }
    } else {
      for (int64_t row = 0; row < rows; ++row) {
        for (int64_t column = 0; column < columns; ++column) y[column * rows + row] = x[row * columns + column];
      }
    }
  }
}

}  // namespace

void TransposeEach(const float* x, int64_t count, int64_t rows, int64_t columns, float* y) {
  auto transpose = rows == 2 ? Transpose<2, 0> : columns == 2 ? Transpose<0, 2> : Transpose<0, 0>;
  int64_t size = rows * columns, part = (1 << 15) / size + 1;
  Workers::Get().Run((count + part - 1) / part, [&](int64_t i) {
    int64_t first = i * part;
    transpose(x + first * size, first + part < count ? part : count - first, rows, columns, y + first * size);
  });
}

}  // namespace refconv
