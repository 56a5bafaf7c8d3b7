// Matrix products with few rows on one side, as maps over kernels are: the large matrix goes through memory once. Compiled for the very
// processor (-march=native).

#include <algorithm>
#include <type_traits>
#include <vector>

#include "arithmetic.h"
#include "vectors.h"
#include "workers.h"

namespace refconv {

namespace {

// So many rows on the small side are held in registers.
constexpr int64_t kRows = 5;
// Rows of a power of two fall upon each other in the first cache.
constexpr int64_t kPad = 24;

// body(column, vectors, load, store) for all of n columns: two vectors at a time, and what is left.
template <typename Body>
inline void ForVectors(int64_t n, Body body) {
  auto load = [](const float* p) { return Load(p); };
  auto store = [](float* p, V v) { Store(p, v); };
  using One = std::integral_constant<int64_t, 1>;
  int64_t j = 0;
  for (; j + 2 * kWidth <= n; j += 2 * kWidth) body(j, std::integral_constant<int64_t, 2>(), load, store);
  if (j + kWidth <= n) {
    body(j, One(), load, store);
    j += kWidth;
  }
  int64_t left = n - j;
  if (left > 0) {
    body(j, One(), [left](const float* p) { return LoadPart(p, left); }, [left](float* p, V v) { StorePart(p, v, left); });
  }
}

// R rows of c = factorsᵀ·b + share·more for factors [depth, R], b [depth, n] and, where it is not null, more [R, n]. Rows of b lie a stride
// apart, those of c and more another. Either b is large, or c and more are: the rows after these are asked for, as the processor does not fetch
// across pages by itself.
template <int64_t R, bool isLargeB>
void Products(const float* factors, const float* b, int64_t strideB, int64_t depth, int64_t n, const float* more, float share, float* c,
              int64_t strideC) {
  ForVectors(n, [&](int64_t j, auto vectors, auto load, auto store) {
    constexpr int64_t N = decltype(vectors)::value;
    V sum[R][N] = {};
    for (int64_t k = 0; k < depth; ++k) {
      V value[N];
#pragma GCC unroll 2
      for (int64_t v = 0; v < N; ++v) value[v] = load(b + k * strideB + j + v * kWidth);
      if (isLargeB) __builtin_prefetch(b + (k + depth) * strideB + j);
#pragma GCC unroll 16
      for (int64_t i = 0; i < R; ++i) {
#pragma GCC unroll 2
        for (int64_t v = 0; v < N; ++v) sum[i][v] += factors[k * R + i] * value[v];
      }
    }
#pragma GCC unroll 16
    for (int64_t i = 0; i < R; ++i) {
#pragma GCC unroll 2
      for (int64_t v = 0; v < N; ++v) {
        int64_t at = i * strideC + j + v * kWidth;
        if (!isLargeB && v == 0) {
          __builtin_prefetch(c + at + R * strideC, 1);
          if (more) __builtin_prefetch(more + at + R * strideC);
        }
        store(c + at, more ? sum[i][v] + share * load(more + at) : sum[i][v]);
      }
    }
  });
}

template <bool isLargeB>
constexpr decltype(&Products<1, isLargeB>) kProducts[] = {Products<1, isLargeB>, Products<2, isLargeB>, Products<3, isLargeB>,
                                                          Products<4, isLargeB>, Products<5, isLargeB>};

}  // namespace

void ThinProduct(const float* a, const float* b, int64_t count, int64_t rows, int64_t depth, int64_t n, float* c) {
  // So many rows of b at a time, and parts of it whose results are summed.
  constexpr int64_t kBlock = 6, kPart = 65536, kParts = 16;
  int64_t parts = std::clamp<int64_t>(depth * n / kPart, 1, kParts), size = RoundUp((depth + parts - 1) / parts, kBlock);
  int64_t stride = n + kPad;
  std::vector<float> sums(count * parts * rows * stride);
  Workers::Get().Run(count * parts, [&](int64_t index) {
    int64_t matrix = index / parts, begin = index % parts * size, end = std::min(depth, begin + size);
    const float *small = a + matrix * rows * depth, *large = b + matrix * depth * n;
    float* sum = sums.data() + index * rows * stride;
    float factors[kBlock * kRows];
    for (int64_t first = begin; first < end; first += kBlock) {
      int64_t block = std::min(kBlock, end - first);
      for (int64_t row = 0, some; row < rows; row += some) {
        some = std::min(kRows, rows - row);
        for (int64_t i = 0; i < some; ++i) {
          for (int64_t k = 0; k < block; ++k) factors[k * some + i] = small[(row + i) * depth + first + k];
        }
        float* out = sum + row * stride;
        kProducts<true>[some - 1](factors, large + first * n, n, block, n, out, 1, out, stride);
      }
    }
  });
  for (int64_t row = 0; row < count * rows; ++row, c += n) {
    const float* sum = sums.data() + (row / rows * parts * rows + row % rows) * stride;
    std::copy(sum, sum + n, c);
    for (int64_t part = 1; part < parts; ++part) {
      const float* more = sum + part * rows * stride;
      for (int64_t j = 0; j < n; ++j) c[j] += more[j];
    }
  }
}

void ThinTransposedProduct(const float* a, const float* b, int64_t count, int64_t rows, int64_t m, int64_t n, const float* more, float share,
                           float* c) {
  // Parts of some rows of c; of its columns so many at a time that the first cache holds those of b.
  constexpr int64_t kPart = 65536;
  int64_t size = RoundUp(std::max<int64_t>(kPart / n, 1), kRows), parts = (m + size - 1) / size;
  int64_t columns = RoundUp(std::max<int64_t>(4096 / rows, 1), 2 * kWidth), stride = columns + kPad;
  Workers::Get().Run(count * parts, [&](int64_t index) {
    int64_t matrix = index / parts, begin = index % parts * size, end = std::min(m, begin + size);
    const float *left = a + matrix * rows * m, *right = b + matrix * rows * n;
    thread_local std::vector<float> strip, factors;
    strip.resize(rows * stride);
    factors.resize(rows * size);
    // The factors of some rows of c lie together.
    auto factorsAt = [&](int64_t row) { return factors.data() + (row - begin) * rows; };
    auto some = [&](int64_t row) { return std::min(kRows, end - row); };
    for (int64_t row = begin; row < end; row += kRows) {
      float* to = factorsAt(row);
      for (int64_t k = 0; k < rows; ++k) to = std::copy_n(left + k * m + row, some(row), to);
    }
    for (int64_t first = 0; first < n; first += columns) {
      int64_t width = std::min(columns, n - first);
      for (int64_t k = 0; k < rows; ++k) std::copy_n(right + k * n + first, width, strip.data() + k * stride);
      for (int64_t row = begin; row < end; row += kRows) {
        int64_t at = (matrix * m + row) * n + first;
        kProducts<false>[some(row) - 1](factorsAt(row), strip.data(), stride, rows, width, more ? more + at : nullptr, share, c + at, n);
      }
    }
  });
}

void DecayedGradient(const float* gradient, const float* variable, float decay, int64_t count, float* sum) {
  constexpr int64_t kPart = 65536;
  Workers::Get().Run((count + kPart - 1) / kPart, [&](int64_t part) {
    int64_t last = std::min(count, (part + 1) * kPart);
    for (int64_t i = part * kPart; i < last; ++i) sum[i] = gradient[i] + decay * variable[i];
  });
}

}  // namespace refconv
