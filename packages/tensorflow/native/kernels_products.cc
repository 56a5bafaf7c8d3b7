// Matrix products of few columns and very many rows. Compiled for the very processor (-march=native).

#include <algorithm>
#include <cstring>

#include "blocks.h"
#include "workers.h"

namespace refconv {

namespace {

// Columns are taken in panels of two vectors; the last panel has one where that is enough.
constexpr int64_t kPanel = 2 * kWidth;

#if defined(__AVX512F__)
constexpr bool kManyRegisters = true;
#else
constexpr bool kManyRegisters = false;
#endif

int64_t PanelVectors(int64_t columns) { return columns > kWidth ? 2 : 1; }

// Copies `rows` rows of `columns` numbers, `stride` apart, into one panel, zero-filled.
void PackPanel(const float* in, int64_t stride, int64_t rows, int64_t columns, float* out) {
  int64_t width = PanelVectors(columns) * kWidth;
  for (int64_t row = 0; row < rows; ++row, in += stride, out += width) {
    if (columns == kPanel) {
      Store(out, Load(in));
      Store(out + kWidth, Load(in + kWidth));
    } else {
      std::memcpy(out, in, columns * sizeof(float));
      std::fill(out + columns, out + width, 0.0f);
    }
  }
}

// The same for a matrix that is given transposed: `columns` rows of `rows` numbers.
void PackPanelTransposed(const float* in, int64_t stride, int64_t rows, int64_t columns, float* out) {
  int64_t width = PanelVectors(columns) * kWidth;
  if (columns < width) std::fill(out, out + rows * width, 0.0f);
  for (int64_t i = 0; i < columns; ++i) {
    const float* row = in + i * stride;
    for (int64_t k = 0; k < rows; ++k) out[k * width + i] = row[k];
  }
}

// A tile of c, of R rows and N vectors, held in registers.
template <int64_t R, int64_t N>
struct Tile {
  V sum[R][N] = {};

  inline void Write(float* c, int64_t stride, int64_t columns) const {
    if (columns == N * kWidth) {
#pragma GCC unroll 16
      for (int64_t i = 0; i < R; ++i) {
#pragma GCC unroll 2
        for (int64_t n = 0; n < N; ++n) Store(c + i * stride + n * kWidth, sum[i][n]);
      }
      return;
    }
#pragma GCC unroll 16
    for (int64_t i = 0; i < R; ++i) {
      float* row = c + i * stride;
      if (N == 2) Store(row, sum[i][0]);
      StorePart(row + (N - 1) * kWidth, sum[i][N - 1], columns - (N - 1) * kWidth);
    }
  }

  inline void AddWrite(float* c, int64_t stride, int64_t columns) {
    if (columns == N * kWidth) {
#pragma GCC unroll 16
      for (int64_t i = 0; i < R; ++i) {
#pragma GCC unroll 2
        for (int64_t n = 0; n < N; ++n) sum[i][n] += Load(c + i * stride + n * kWidth);
      }
    } else {
#pragma GCC unroll 16
      for (int64_t i = 0; i < R; ++i) {
        const float* row = c + i * stride;
        if (N == 2) sum[i][0] += Load(row);
        sum[i][N - 1] += LoadPart(row + (N - 1) * kWidth, columns - (N - 1) * kWidth);
      }
    }
    Write(c, stride, columns);
  }
};

// ---- c = a·b ----

// R rows of a, which lie `strideA` apart, by a packed panel of b; U rows of the panel at a time.
template <int64_t R, int64_t N, int64_t U>
inline void ProductTile(const float* a, int64_t strideA, const float* b, int64_t depth, bool add, float* c, int64_t strideC,
                        int64_t columns) {
  Tile<R, N> tile;
  int64_t k = 0;
  for (; k + U <= depth; k += U) {
    V factor[U][N];
#pragma GCC unroll 4
    for (int64_t u = 0; u < U; ++u) {
#pragma GCC unroll 2
      for (int64_t n = 0; n < N; ++n) factor[u][n] = Load(b + (u * N + n) * kWidth);
    }
    const float* p = a + k;
#pragma GCC unroll 16
    for (int64_t i = 0; i < R; ++i, p += strideA) {
#pragma GCC unroll 4
      for (int64_t u = 0; u < U; ++u) {
#pragma GCC unroll 2
        for (int64_t n = 0; n < N; ++n) tile.sum[i][n] += p[u] * factor[u][n];
      }
    }
    b += U * N * kWidth;
  }
  for (; U > 1 && k < depth; ++k, b += N * kWidth) {
    const float* p = a + k;
#pragma GCC unroll 16
    for (int64_t i = 0; i < R; ++i, p += strideA) {
#pragma GCC unroll 2
      for (int64_t n = 0; n < N; ++n) tile.sum[i][n] += *p * Load(b + n * kWidth);
    }
  }
  if (add) {
    tile.AddWrite(c, strideC, columns);
  } else {
    tile.Write(c, strideC, columns);
  }
}

// All rows by one panel.
template <int64_t R, int64_t N, int64_t U>
void ProductPanel(const float* a, int64_t strideA, int64_t rows, const float* b, int64_t depth, bool add, float* c,
                  int64_t strideC, int64_t columns) {
  int64_t row = 0;
  for (; row + R <= rows; row += R) {
    ProductTile<R, N, U>(a + row * strideA, strideA, b, depth, add, c + row * strideC, strideC, columns);
  }
  for (; row + 4 <= rows; row += 4) {
    ProductTile<4, N, U>(a + row * strideA, strideA, b, depth, add, c + row * strideC, strideC, columns);
  }
  for (; row < rows; ++row) {
    ProductTile<1, N, U>(a + row * strideA, strideA, b, depth, add, c + row * strideC, strideC, columns);
  }
}

// Rows of a that are far apart fall upon each other in the first cache: then a part of them is copied.
constexpr int64_t kDepth = 256, kDepthStride = kDepth + 16;

}  // namespace

PackedMatrix::PackedMatrix(const float* b, bool transposed, int64_t depth, int64_t n)
    : depth_(depth), n_(n), panels_((n + kPanel - 1) / kPanel), packed_(panels_ * kPanel * depth) {
  int64_t blocks = (depth + kDepth - 1) / kDepth;
  Workers::Get().Run(blocks, [&](int64_t block) {
    int64_t first = block * kDepth, size = std::min(kDepth, depth - first);
    for (int64_t panel = 0; panel < panels_; ++panel) {
      int64_t column = panel * kPanel, columns = std::min(kPanel, n - column);
      if (transposed) {
        PackPanelTransposed(b + column * depth + first, depth, size, columns, PanelAt(first, size, panel));
      } else {
        PackPanel(b + first * n + column, n, size, columns, PanelAt(first, size, panel));
      }
    }
  });
}

// One block of the depth lies after the other.
float* PackedMatrix::PanelAt(int64_t first, int64_t size, int64_t panel) {
  return packed_.data() + panels_ * kPanel * first + panel * kPanel * size;
}

void PackedMatrix::Multiply(const float* a, int64_t rows, float* c) const {
  auto wide = kManyRegisters ? ProductPanel<12, 2, 2> : ProductPanel<6, 2, 1>;
  auto narrow = kManyRegisters ? ProductPanel<16, 1, 4> : ProductPanel<8, 1, 2>;
  thread_local std::vector<float> copy;
  bool copied = depth_ > kDepth;
  if (copied) copy.resize(rows * kDepthStride);
  for (int64_t first = 0; first < depth_; first += kDepth) {
    int64_t size = std::min(kDepth, depth_ - first), stride = copied ? kDepthStride : depth_;
    const float* block = a + first;
    if (copied) {
      for (int64_t row = 0; row < rows; ++row) {
        std::memcpy(copy.data() + row * kDepthStride, block + row * depth_, size * sizeof(float));
      }
      block = copy.data();
    }
    for (int64_t panel = 0; panel < panels_; ++panel) {
      int64_t column = panel * kPanel, columns = std::min(kPanel, n_ - column);
      auto product = PanelVectors(columns) == 2 ? wide : narrow;
      product(block, stride, rows, PanelAt(first, size, panel), size, first > 0, c + column, n_, columns);
    }
  }
}

void Product(const float* a, const float* b, bool transposed, int64_t rows, int64_t depth, int64_t n, float* c) {
  PackedMatrix packed(b, transposed, depth, n);
  // Some rows whose part of a and c the second cache holds.
  int64_t size = std::clamp<int64_t>(65536 / (std::min(depth, kDepth) + n) / 48 * 48, 96, 1536);
  Workers::Get().Run((rows + size - 1) / size, [&](int64_t part) {
    int64_t first = part * size;
    packed.Multiply(a + first * depth, std::min(size, rows - first), c + first * n);
  });
}

// ---- c = aᵀ·b ----

namespace {

// R columns of a by a panel of b, summed over the rows, added to c.
template <int64_t R, int64_t N, bool whole>
inline void TransposedTile(const float* a, int64_t strideA, const float* b, int64_t strideB, int64_t rows, float* c,
                           int64_t strideC, int64_t columns) {
  Tile<R, N> tile;
  for (int64_t row = 0; row < rows; ++row, a += strideA, b += strideB) {
    V factor[N];
    if (N == 2) factor[0] = Load(b);
    factor[N - 1] = whole ? Load(b + (N - 1) * kWidth) : LoadPart(b + (N - 1) * kWidth, columns - (N - 1) * kWidth);
#pragma GCC unroll 16
    for (int64_t i = 0; i < R; ++i) {
#pragma GCC unroll 2
      for (int64_t n = 0; n < N; ++n) tile.sum[i][n] += a[i] * factor[n];
    }
  }
  tile.AddWrite(c, strideC, columns);
}

using TileFunction = void (*)(const float*, int64_t, const float*, int64_t, int64_t, float*, int64_t, int64_t);

template <int64_t R>
TileFunction TileOf(int64_t vectors, bool whole) {
  if (vectors == 2) return whole ? TransposedTile<R, 2, true> : TransposedTile<R, 2, false>;
  return whole ? TransposedTile<R, 1, true> : TransposedTile<R, 1, false>;
}

// How many columns of a the next tile takes.
int64_t TileColumns(int64_t left) {
  constexpr int64_t most = kManyRegisters ? 8 : 6;
  return left >= most ? most : left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

}  // namespace

void AddTransposedProduct(const float* a, int64_t m, const float* b, int64_t strideB, int64_t n, int64_t rows, float* c,
                          int64_t strideC) {
  constexpr int64_t kRows = 128;
  bool packsA = n > kPanel && m > 8, packsB = m > 16 && n > kPanel;
  thread_local std::vector<float> packedA, packedB;
  if (packsA) packedA.resize(kRows * m);
  if (packsB) packedB.resize(kRows * kPanel);
  for (int64_t first = 0; first < rows; first += kRows) {
    int64_t size = std::min(kRows, rows - first);
    if (packsA) {
      for (int64_t i = 0, width; i < m; i += width) {
        width = TileColumns(m - i);
        float* out = packedA.data() + i * kRows;
        for (int64_t row = 0; row < size; ++row, out += width) {
          const float* from = a + (first + row) * m + i;
          if (width == 8) {
            Store8(out, Load8(from));
          } else {
            for (int64_t k = 0; k < width; ++k) out[k] = from[k];
          }
        }
      }
    }
    for (int64_t j = 0; j < n; j += kPanel) {
      int64_t columns = std::min(kPanel, n - j), vectors = PanelVectors(columns);
      bool whole = packsB || columns == vectors * kWidth;
      const float* panel = b + first * strideB + j;
      int64_t panelStride = strideB;
      if (packsB) {
        PackPanel(panel, strideB, size, columns, packedB.data());
        panel = packedB.data();
        panelStride = vectors * kWidth;
      }
      for (int64_t i = 0, width; i < m; i += width) {
        width = TileColumns(m - i);
        auto tile = width == 8   ? TileOf<8>(vectors, whole)
                    : width == 6 ? TileOf<6>(vectors, whole)
                    : width == 4 ? TileOf<4>(vectors, whole)
                    : width == 2 ? TileOf<2>(vectors, whole)
                                 : TileOf<1>(vectors, whole);
        const float* from = packsA ? packedA.data() + i * kRows : a + first * m + i;
        tile(from, packsA ? width : m, panel, panelStride, size, c + i * strideC + j, strideC, columns);
      }
    }
  }
}

void TransposedProduct(const float* a, const float* b, int64_t rows, int64_t m, int64_t n, float* c) {
  // Parts over the rows, whose results are summed, and over columns of the result.
  constexpr int64_t kParts = 16, kRows = 1024, kColumns = 256;
  int64_t rowParts = std::clamp<int64_t>(rows / kRows, 1, kParts);
  int64_t columnParts = std::clamp<int64_t>(std::min(kParts / rowParts, n / kColumns), 1, kParts);
  int64_t rowSize = (rows + rowParts - 1) / rowParts;
  int64_t columnSize = RoundUp((n + columnParts - 1) / columnParts, kPanel);
  std::vector<float> extra((rowParts - 1) * m * n);
  std::fill(c, c + m * n, 0.0f);
  Workers::Get().Run(rowParts * columnParts, [&](int64_t part) {
    int64_t firstRow = part / columnParts * rowSize, firstColumn = part % columnParts * columnSize;
    int64_t rowCount = std::min(rowSize, rows - firstRow), columnCount = std::min(columnSize, n - firstColumn);
    if (rowCount <= 0 || columnCount <= 0) return;
    float* target = part < columnParts ? c : extra.data() + (part / columnParts - 1) * m * n;
    AddTransposedProduct(a + firstRow * m, m, b + firstRow * n + firstColumn, n, columnCount, rowCount, target + firstColumn, n);
  });
  for (int64_t part = 0; part + 1 < rowParts; ++part) {
    const float* __restrict more = extra.data() + part * m * n;
    for (int64_t i = 0; i < m * n; ++i) c[i] += more[i];
  }
}

}  // namespace refconv
