// Small matrices transposed, as in shuffles of channels. Compiled for the very processor (-march=native).

#include <algorithm>
#include <vector>

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

using Transposition = decltype(&Transpose<0, 0>);
Transposition TransposeOf(int64_t rows, int64_t columns) {
  return rows == 2 ? Transpose<2, 0> : columns == 2 ? Transpose<0, 2> : Transpose<0, 0>;
}

// So many numbers are moved together: all that they pass through stays in the first cache.
constexpr int64_t kBlock = 2048;
constexpr int64_t kPart = 1 << 15;

}  // namespace

void TransposeEach(const float* x, int64_t count, int64_t rows, int64_t columns, float* y) {
  auto transpose = TransposeOf(rows, columns);
  int64_t size = rows * columns, part = kPart / size + 1;
  Workers::Get().Run((count + part - 1) / part, [&](int64_t i) {
    int64_t first = i * part;
    transpose(x + first * size, first + part < count ? part : count - first, rows, columns, y + first * size);
  });
}

void ShuffleChannels(const std::vector<ChannelPart<const float>>& parts, int64_t pixels, int64_t rows,
                     const std::vector<ChannelPart<float>>& pieces) {
  int64_t channels = 0;
  for (auto& part : parts) channels += part.channels;
  int64_t columns = channels / rows, block = kBlock / channels + 1, run = kPart / channels + 1;
  auto transpose = TransposeOf(rows, columns);
  Workers::Get().Run((pixels + run - 1) / run, [&](int64_t i) {
    thread_local std::vector<float> joined, turned;
    joined.resize(block * channels);
    turned.resize(block * channels);
    int64_t end = std::min(pixels, (i + 1) * run);
    for (int64_t first = i * run; first < end; first += block) {
      int64_t count = std::min(block, end - first), at = 0;
      const float* from = parts[0].data + first * channels;
      if (parts.size() > 1) {
        for (auto& part : parts) {
          const float* data = part.data + first * part.channels;
          for (int64_t pixel = 0; pixel < count; ++pixel) {
            std::copy_n(data + pixel * part.channels, part.channels, joined.data() + pixel * channels + at);
          }
          at += part.channels;
        }
        from = joined.data();
      }
      if (pieces.size() == 1) {
        transpose(from, count, rows, columns, pieces[0].data + first * channels);
        continue;
      }
      transpose(from, count, rows, columns, turned.data());
      at = 0;
      for (auto& piece : pieces) {
        float* data = piece.data + first * piece.channels;
        for (int64_t pixel = 0; pixel < count; ++pixel) {
          std::copy_n(turned.data() + pixel * channels + at, piece.channels, data + pixel * piece.channels);
        }
        at += piece.channels;
      }
    }
  });
}

}  // namespace refconv
