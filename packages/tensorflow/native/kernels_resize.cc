// Products of images with matrices that are almost all zeros, along rows and columns. Compiled for the very processor (-march=native).

#include <algorithm>
#include <vector>

#include "arithmetic.h"
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

// sum = Σ weight·(row of `width` numbers)
void Blend(const std::vector<Entry>& entries, const float* rows, int64_t width, float* __restrict sum) {
  std::fill(sum, sum + width, 0.0f);
  for (auto [row, weight] : entries) {
    const float* __restrict in = rows + row * width;
    for (int64_t i = 0; i < width; ++i) sum[i] += weight * in[i];
  }
}

}  // namespace

void ResizeSeparably(const float* x, const float* rows, const float* columns, const ResizeShape& s, float* y) {
  auto rowEntries = Entries(rows, s.outHeight, s.height);
  auto columnEntries = Entries(columns, s.outWidth, s.width);
  Workers::Get().Run(s.batch * s.outHeight, [&](int64_t part) {
    thread_local std::vector<float> blended;
    blended.resize(s.width * s.channels);
    const float* image = x + part / s.outHeight * s.height * s.width * s.channels;
    Blend(rowEntries[part % s.outHeight], image, s.width * s.channels, blended.data());
    float* out = y + part * s.outWidth * s.channels;
    for (int64_t column = 0; column < s.outWidth; ++column) {
      Blend(columnEntries[column], blended.data(), s.channels, out + column * s.channels);
    }
  });
}

}  // namespace refconv
