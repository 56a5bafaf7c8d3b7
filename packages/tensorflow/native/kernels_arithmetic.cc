// Compiled for the very processor (-march=native). The loops over channels are written so that the compiler vectorises them.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "arithmetic.h"
#include "vectors.h"
#include "workers.h"

namespace refconv {

namespace {

// Parts depend on the sizes alone, never on the number of threads: so do the results.
constexpr int64_t kPartElements = 1 << 16;

int64_t PartRows(int64_t rows, int64_t channels) {
  return std::min(rows, std::max<int64_t>(1, kPartElements / std::max<int64_t>(1, channels)));
}

template <typename Body>
void ForRows(int64_t rows, int64_t channels, Body body) {
  int64_t size = PartRows(rows, channels);
  int64_t parts = (rows + size - 1) / size;
  Workers::Get().Run(parts, [&](int64_t part) { body(part, part * size, std::min(rows, (part + 1) * size)); });
}

int64_t PartCount(int64_t rows, int64_t channels) {
  int64_t size = PartRows(rows, channels);
  return (rows + size - 1) / size;
}

// Sums of `width` values over rows: a few rows in single precision, all in double. add(row, sums) adds one row.
constexpr int64_t kSingleRows = 16;

template <typename Add>
void SumRows(int64_t first, int64_t last, int64_t width, double* total, Add add) {
  thread_local std::vector<float> few;
  few.resize(width);
  for (int64_t begin = first; begin < last; begin += kSingleRows) {
    std::fill(few.begin(), few.end(), 0.0f);
    for (int64_t row = begin; row < std::min(last, begin + kSingleRows); ++row) add(row, few.data());
    for (int64_t i = 0; i < width; ++i) total[i] += few[i];
  }
}

template <Activation activation>
inline float Activate(float z) {
  if (activation == Activation::kNone) return z;
  z = z > 0.0f ? z : 0.0f;
  if (activation == Activation::kRelu6) z = z < 6.0f ? z : 6.0f;
  return z;
}

// dy where the activation has slope 1 at z, else 0.
template <Activation activation>
inline float Gate(float dy, float z) {
  if (activation == Activation::kRelu) return z > 0.0f ? dy : 0.0f;
  if (activation == Activation::kRelu6) return (z > 0.0f) & (z < 6.0f) ? dy : 0.0f;
  return dy;
}

// The same for eight; GCC does not vectorise the selection by itself.
template <Activation activation>
inline V8 Gate(V8 dy, V8 z) {
  if (activation == Activation::kNone) return dy;
  I8 open = z > 0.0f;
  if (activation == Activation::kRelu6) open &= z < 6.0f;
  return reinterpret_cast<V8>(reinterpret_cast<I8>(dy) & open);
}

template <Activation activation>
void Scale(const float* x, int64_t rows, int64_t channels, const float* mean, const float* factor, const float* offset,
           float* y) {
  ForRows(rows, channels, [=](int64_t, int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      const float* __restrict in = x + row * channels;
      float* __restrict out = y + row * channels;
      for (int64_t c = 0; c < channels; ++c) out[c] = Activate<activation>((in[c] - mean[c]) * factor[c] + offset[c]);
    }
  });
}

template <Activation activation>
void Gradient(const float* dy, const float* x, int64_t rows, int64_t channels, const float* scale, const float* offset,
              const float* mean, const float* inverse, float* dx, float* dscale, float* doffset) {
  // z = (x − m)·f + o, as in the forward pass, to the last bit.
  std::vector<float> factor(channels);
  for (int64_t c = 0; c < channels; ++c) factor[c] = scale[c] * inverse[c];
  const float* __restrict f = factor.data();
  const float* __restrict m = mean;
  const float* __restrict o = offset;

  int64_t count = PartCount(rows, channels);
  std::vector<double> parts(count * 2 * channels);
  ForRows(rows, channels, [&](int64_t part, int64_t first, int64_t last) {
    SumRows(first, last, 2 * channels, parts.data() + part * 2 * channels, [&](int64_t row, float* __restrict sum) {
      float* __restrict product = sum + channels;
      const float* __restrict in = x + row * channels;
      const float* __restrict d = dy + row * channels;
      int64_t c = 0;
      for (; c + 8 <= channels; c += 8) {
        V8 centred = Load(in + c) - Load(m + c);
        V8 g = Gate<activation>(Load(d + c), centred * Load(f + c) + Load(o + c));
        Store(sum + c, Load(sum + c) + g);
        Store(product + c, Load(product + c) + g * centred);
      }
      for (; c < channels; ++c) {
        float g = Gate<activation>(d[c], (in[c] - m[c]) * f[c] + o[c]);
        sum[c] += g;
        product[c] += g * (in[c] - m[c]);
      }
    });
  });
  std::vector<double> sums(2 * channels);
  SumParts(parts, count, 2 * channels, sums.data());

  // dx = f·(g − mean of g − x̂·mean of g·x̂), as g·f + (x − m)·slope + constant.
  std::vector<float> slope(channels), constant(channels);
  for (int64_t c = 0; c < channels; ++c) {
    double product = sums[channels + c] * inverse[c];
    doffset[c] = static_cast<float>(sums[c]);
    dscale[c] = static_cast<float>(product);
    double k = -static_cast<double>(f[c]) * inverse[c] * product / rows;
    slope[c] = static_cast<float>(k);
    constant[c] = static_cast<float>(-f[c] * sums[c] / rows);
  }
  const float* __restrict a = slope.data();
  const float* __restrict b = constant.data();
  ForRows(rows, channels, [=](int64_t, int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      const float* __restrict in = x + row * channels;
      const float* __restrict d = dy + row * channels;
      float* __restrict out = dx + row * channels;
      for (int64_t c = 0; c < channels; ++c) {
        float centred = in[c] - m[c];
        out[c] = Gate<activation>(d[c], centred * f[c] + o[c]) * f[c] + (centred * a[c] + b[c]);
      }
    }
  });
}

}  // namespace

void BatchStatistics(const float* x, int64_t rows, int64_t channels, float* mean, float* variance) {
  int64_t count = PartCount(rows, channels);
  std::vector<double> parts(count * 2 * channels);
  // Sums of differences from the first row: without that, squares of large means would cancel.
  ForRows(rows, channels, [&](int64_t part, int64_t first, int64_t last) {
    SumRows(first, last, 2 * channels, parts.data() + part * 2 * channels, [=](int64_t row, float* __restrict sum) {
      float* __restrict square = sum + channels;
      const float* __restrict origin = x;
      const float* __restrict in = x + row * channels;
      for (int64_t c = 0; c < channels; ++c) {
        float d = in[c] - origin[c];
        sum[c] += d;
        square[c] += d * d;
      }
    });
  });
  std::vector<double> sums(2 * channels);
  SumParts(parts, count, 2 * channels, sums.data());
  for (int64_t c = 0; c < channels; ++c) {
    double m = sums[c] / rows;
    mean[c] = static_cast<float>(x[c] + m);
    variance[c] = static_cast<float>(std::max(0.0, sums[channels + c] / rows - m * m));
  }
}

void ScaleAndActivate(const float* x, int64_t rows, int64_t channels, const float* mean, const float* factor,
                      const float* offset, Activation activation, float* y) {
  switch (activation) {
    case Activation::kNone:
      return Scale<Activation::kNone>(x, rows, channels, mean, factor, offset, y);
    case Activation::kRelu:
      return Scale<Activation::kRelu>(x, rows, channels, mean, factor, offset, y);
    case Activation::kRelu6:
      return Scale<Activation::kRelu6>(x, rows, channels, mean, factor, offset, y);
  }
}

void BatchNormGradient(const float* dy, const float* x, int64_t rows, int64_t channels, const float* scale,
                       const float* offset, const float* mean, const float* inverse, Activation activation, float* dx,
                       float* dscale, float* doffset) {
  auto run = activation == Activation::kNone   ? Gradient<Activation::kNone>
             : activation == Activation::kRelu ? Gradient<Activation::kRelu>
                                               : Gradient<Activation::kRelu6>;
  run(dy, x, rows, channels, scale, offset, mean, inverse, dx, dscale, doffset);
}

// ---- Matrix products: panels of 6 rows and 16 columns are packed, so that the innermost loop reads without gaps ----

namespace {

constexpr int64_t kTileM = 6, kTileN = 16;

// Copies columns [first, first + count) of rows × stride into panels of `tile` columns, each row after row, zero-filled.
template <int64_t tile>
void Pack(const float* in, int64_t stride, int64_t rows, int64_t count, float* out) {
  for (int64_t first = 0; first < count; first += tile) {
    int64_t width = std::min(tile, count - first);
    const float* column = in + first;
    if (width == tile) {
      for (int64_t row = 0; row < rows; ++row) std::memcpy(out + row * tile, column + row * stride, tile * sizeof(float));
    } else {
      for (int64_t row = 0; row < rows; ++row) {
        for (int64_t i = 0; i < tile; ++i) out[row * tile + i] = i < width ? column[row * stride + i] : 0.0f;
      }
    }
    out += rows * tile;
  }
}

// Packs rows × depth into panels of `tile` rows, transposed: each panel is depth × tile, zero-filled.
template <int64_t tile>
void PackTransposed(const float* in, int64_t stride, int64_t rows, int64_t depth, float* out) {
  for (int64_t first = 0; first < rows; first += tile) {
    int64_t height = std::min(tile, rows - first);
    for (int64_t i = 0; i < tile; ++i) {
      const float* row = in + (first + i) * stride;
      for (int64_t k = 0; k < depth; ++k) out[k * tile + i] = i < height ? row[k] : 0.0f;
    }
    out += depth * tile;
  }
}

// The product of two packed panels into a tile of c, or added to it; rows × columns of it are inside.
template <bool add>
void Tile(const float* __restrict a, const float* __restrict b, int64_t depth, float* __restrict c, int64_t stride,
          int64_t rows, int64_t columns) {
  V8 sum[kTileM][2] = {};
  for (int64_t k = 0; k < depth; ++k) {
    V8 b0 = Load(b), b1 = Load(b + 8);
#pragma GCC unroll 6
    for (int64_t i = 0; i < kTileM; ++i) {
      sum[i][0] += a[i] * b0;
      sum[i][1] += a[i] * b1;
    }
    a += kTileM;
    b += kTileN;
  }
  if (rows == kTileM && columns == kTileN) {
#pragma GCC unroll 6
    for (int64_t i = 0; i < kTileM; ++i) {
      float* row = c + i * stride;
      Store(row, add ? Load(row) + sum[i][0] : sum[i][0]);
      Store(row + 8, add ? Load(row + 8) + sum[i][1] : sum[i][1]);
    }
    return;
  }
  float values[kTileM][kTileN];
  std::memcpy(values, sum, sizeof values);
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) c[i * stride + j] = add ? c[i * stride + j] + values[i][j] : values[i][j];
  }
}

// c [m, n] += aᵀ·b over some rows; n columns of b and c, which lie `strideB` apart.
void Accumulate(const float* a, int64_t m, const float* b, int64_t strideB, int64_t n, int64_t rows, float* c, int64_t strideC) {
  int64_t depth = m > 512 ? 128 : 256;
  int64_t panelsM = (m + kTileM - 1) / kTileM, panelsN = (n + kTileN - 1) / kTileN;
  std::vector<float> packedA(panelsM * kTileM * depth), packedB(panelsN * kTileN * depth);
  for (int64_t first = 0; first < rows; first += depth) {
    int64_t size = std::min(depth, rows - first);
    Pack<kTileM>(a + first * m, m, size, m, packedA.data());
    Pack<kTileN>(b + first * strideB, strideB, size, n, packedB.data());
    for (int64_t j = 0; j < panelsN; ++j) {
      for (int64_t i = 0; i < panelsM; ++i) {
        Tile<true>(packedA.data() + i * kTileM * size, packedB.data() + j * kTileN * size, size,
             c + i * kTileM * strideC + j * kTileN, strideC, std::min(kTileM, m - i * kTileM),
             std::min(kTileN, n - j * kTileN));
      }
    }
  }
}

}  // namespace

void TransposedProduct(const float* a, const float* b, int64_t rows, int64_t m, int64_t n, float* c) {
  // Parts over the rows, whose results are summed, and over columns of the result.
  constexpr int64_t kParts = 16, kRows = 1024, kColumns = 256;
  int64_t rowParts = std::clamp<int64_t>(rows / kRows, 1, kParts);
  int64_t columnParts = std::clamp<int64_t>(std::min(kParts / rowParts, n / kColumns), 1, kParts);
  int64_t rowSize = (rows + rowParts - 1) / rowParts;
  int64_t columnSize = ((n + columnParts - 1) / columnParts + kTileN - 1) / kTileN * kTileN;
  std::vector<float> extra((rowParts - 1) * m * n);
  std::fill(c, c + m * n, 0.0f);
  Workers::Get().Run(rowParts * columnParts, [&](int64_t part) {
    int64_t firstRow = part / columnParts * rowSize, firstColumn = part % columnParts * columnSize;
    int64_t rowCount = std::min(rowSize, rows - firstRow), columnCount = std::min(columnSize, n - firstColumn);
    if (rowCount <= 0 || columnCount <= 0) return;
    float* target = part < columnParts ? c : extra.data() + (part / columnParts - 1) * m * n;
    Accumulate(a + firstRow * m, m, b + firstRow * n + firstColumn, n, columnCount, rowCount, target + firstColumn, n);
  });
  for (int64_t part = 0; part + 1 < rowParts; ++part) {
    const float* __restrict more = extra.data() + part * m * n;
    for (int64_t i = 0; i < m * n; ++i) c[i] += more[i];
  }
}

void Product(const float* a, const float* b, bool transposed, int64_t rows, int64_t depth, int64_t n, float* c) {
  constexpr int64_t kDepth = 256, kRows = 96;
  int64_t panelsN = (n + kTileN - 1) / kTileN;
  // All of b, one block of the depth after the other.
  std::vector<float> packedB(panelsN * kTileN * depth);
  auto blockB = [&](int64_t first) { return packedB.data() + panelsN * kTileN * first; };
  int64_t blocks = (depth + kDepth - 1) / kDepth;
  Workers::Get().Run(blocks, [&](int64_t block) {
    int64_t first = block * kDepth, size = std::min(kDepth, depth - first);
    if (transposed) {
      PackTransposed<kTileN>(b + first, depth, n, size, blockB(first));
    } else {
      Pack<kTileN>(b + first * n, n, size, n, blockB(first));
    }
  });
  int64_t parts = (rows + kRows - 1) / kRows;
  Workers::Get().Run(parts, [&](int64_t part) {
    int64_t firstRow = part * kRows, count = std::min(kRows, rows - firstRow);
    int64_t panelsM = (count + kTileM - 1) / kTileM;
    thread_local std::vector<float> packedA;
    packedA.resize(kRows * kDepth);
    for (int64_t first = 0; first < depth; first += kDepth) {
      int64_t size = std::min(kDepth, depth - first);
      PackTransposed<kTileM>(a + firstRow * depth + first, depth, count, size, packedA.data());
      auto tile = first == 0 ? Tile<false> : Tile<true>;
      for (int64_t j = 0; j < panelsN; ++j) {
        for (int64_t i = 0; i < panelsM; ++i) {
          tile(packedA.data() + i * kTileM * size, blockB(first) + j * kTileN * size, size,
               c + (firstRow + i * kTileM) * n + j * kTileN, n, std::min(kTileM, count - i * kTileM),
               std::min(kTileN, n - j * kTileN));
        }
      }
    }
  });
}

}  // namespace refconv
