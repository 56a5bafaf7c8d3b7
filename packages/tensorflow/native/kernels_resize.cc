// Products of images with matrices that are almost all zeros, along rows and columns. Compiled for the very processor (-march=native).

#include <vector>

#include "arithmetic.h"
#include "vectors.h"
#include "workers.h"

namespace refconv {

namespace {

// What a row of a matrix holds besides zeros.
struct Entry {
  int64_t column;
  float weight;
};

std::vector<std::vector<Entry>> Entries(const float* matrix, int64_t rows, int64_t columns) {
  std::vector<std::vector<Entry>> entries(rows);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < columns; ++column) {
      float weight = matrix[row * columns + column];
      if (weight != 0.0f) entries[row].push_back({column, weight});
    }
  }
  return entries;
}

// sum = Σ weight·(`width` numbers of a row), of rows that lie `stride` apart.
void Blend(const std::vector<Entry>& entries, const float* rows, int64_t stride, int64_t width, float* sum) {
  int64_t i = 0;
  for (; i + kWidth <= width; i += kWidth) {
    V blended = {};
    for (auto [row, weight] : entries) blended += weight * Load(rows + row * stride + i);
    Store(sum + i, blended);
  }
  for (; i < width; ++i) {
    float blended = 0;
    for (auto [row, weight] : entries) blended += weight * rows[row * stride + i];
    sum[i] = blended;
  }
}

}  // namespace

void ResizeSeparably(const float* x, const float* rows, const float* columns, const ResizeShape& s, float* y) {
  auto rowEntries = Entries(rows, s.outHeight, s.height);
  auto columnEntries = Entries(columns, s.outWidth, s.width);
  int64_t width = s.width * s.channels, outWidth = s.outWidth * s.channels, whole = RoundUp(s.channels, kWidth);
  Workers::Get().Run(s.batch * s.outHeight, [&](int64_t part) {
    thread_local std::vector<float> blended;
    blended.resize(width + kWidth);
    Blend(rowEntries[part % s.outHeight], x + part / s.outHeight * s.height * width, width, width, blended.data());
    float* out = y + part * outWidth;
    for (int64_t column = 0; column < s.outWidth; ++column) {
      // Whole vectors where there is room: what lies beyond a pixel is the next one's, which is written after it.
      int64_t first = column * s.channels, count = first + whole <= outWidth ? whole : s.channels;
      Blend(columnEntries[column], blended.data(), s.channels, count, out + first);
    }
  });
}

}  // namespace refconv
