// Convolutions over kernels, slice by slice. Compiled for the very processor (-march=native).

#include <algorithm>
#include <cstring>
#include <vector>

#include "arithmetic.h"
#include "workers.h"

namespace refconv {

namespace {

// So many slices at a time are copied together: far apart, as they lie, their pixels would push each other out of the cache.
constexpr int64_t kBlock = 256;
constexpr int64_t kPartSlices = 4096;

// Copies a block of slices from rows of `slices` numbers into rows of kBlock.
void Gather(const float* from, int64_t rows, int64_t slices, int64_t first, int64_t count, float* to) {
  for (int64_t row = 0; row < rows; ++row) std::memcpy(to + row * kBlock, from + row * slices + first, count * sizeof(float));
}

// sum += a·b
inline void MultiplyAdd(const float* __restrict a, const float* __restrict b, int64_t count, float* __restrict sum) {
  for (int64_t i = 0; i < count; ++i) sum[i] += a[i] * b[i];
}

// body(first, count, scratch) for each block of slices; scratch holds `rows` rows.
template <typename Body>
void ForBlocks(int64_t slices, int64_t rows, Body body) {
  Workers::Get().Run((slices + kPartSlices - 1) / kPartSlices, [&](int64_t part) {
    thread_local std::vector<float> scratch;
    scratch.resize(rows * kBlock);
    int64_t last = std::min(slices, (part + 1) * kPartSlices);
    for (int64_t first = part * kPartSlices; first < last; first += kBlock) {
      body(first, std::min(kBlock, last - first), scratch.data());
    }
  });
}

// body(pixel, tap, neighbour) for each tap of each pixel that lies inside.
template <typename Body>
void ForNeighbours(const SlicesShape& s, int64_t pixel, Body body) {
  int64_t reach = s.kernel / 2, y = pixel / s.width, x = pixel % s.width;
  for (int64_t dy = 0; dy < s.kernel; ++dy) {
    int64_t row = y + dy - reach;
    if (row < 0 || row >= s.height) continue;
    for (int64_t dx = 0; dx < s.kernel; ++dx) {
      int64_t column = x + dx - reach;
      if (column >= 0 && column < s.width) body(dy * s.kernel + dx, row * s.width + column);
    }
  }
}

}  // namespace

void MapSlices(const float* basis, const float* map, const SlicesShape& s, bool identity, float* result) {
  int64_t pixels = s.height * s.width, taps = s.kernel * s.kernel;
  ForBlocks(s.slices, pixels + taps + 1, [&](int64_t first, int64_t count, float* b) {
    float *m = b + pixels * kBlock, *sum = m + taps * kBlock;
    Gather(basis, pixels, s.slices, first, count, b);
    Gather(map, taps, s.slices, first, count, m);
    for (int64_t pixel = 0; pixel < pixels; ++pixel) {
      if (identity) std::memcpy(sum, b + pixel * kBlock, count * sizeof(float));
      else std::fill(sum, sum + count, 0.0f);
      ForNeighbours(s, pixel, [&](int64_t tap, int64_t other) {
        MultiplyAdd(m + tap * kBlock, b + other * kBlock, count, sum);
      });
      std::memcpy(result + pixel * s.slices + first, sum, count * sizeof(float));
    }
  });
}

void MapSlicesGradient(const float* dy, const float* basis, const SlicesShape& s, float* gradient) {
  int64_t pixels = s.height * s.width, taps = s.kernel * s.kernel;
  ForBlocks(s.slices, 2 * pixels + taps, [&](int64_t first, int64_t count, float* b) {
    float *d = b + pixels * kBlock, *sums = d + pixels * kBlock;
    Gather(basis, pixels, s.slices, first, count, b);
    Gather(dy, pixels, s.slices, first, count, d);
    std::fill(sums, sums + taps * kBlock, 0.0f);
    for (int64_t pixel = 0; pixel < pixels; ++pixel) {
      ForNeighbours(s, pixel, [&](int64_t tap, int64_t other) {
        MultiplyAdd(d + pixel * kBlock, b + other * kBlock, count, sums + tap * kBlock);
      });
    }
    for (int64_t tap = 0; tap < taps; ++tap) {
      std::memcpy(gradient + tap * s.slices + first, sums + tap * kBlock, count * sizeof(float));
    }
  });
}

}  // namespace refconv
