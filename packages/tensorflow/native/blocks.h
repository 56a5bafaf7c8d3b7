// What the kernels are made of: arithmetic on a few rows, in one thread. Included by files that are compiled for the very processor.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <numeric>
#include <vector>

#include "arithmetic.h"
#include "vectors.h"

namespace refconv {

// ---- Batch norm ----

// Pixels of few channels are taken `group` at a time, as one row of `width` numbers, which fill vectors.
struct Grouping {
  int64_t channels, group, width;
  explicit Grouping(int64_t channels);
  // A value of each channel, as many times as there are pixels in a row.
  std::vector<float> Repeated(const float* values) const;
  // Sums of two terms, [2, width] for each part, as sums [2, channels].
  std::vector<double> Folded(const std::vector<double>& parts) const;
};

// Adds the sums of x − origin and of its squares to sums [2, width].
void AddStatistics(const Grouping& grouping, const float* x, const float* origin, int64_t pixels, double* sums);
// The mean and the biased variance of what was summed.
void FinishStatistics(const std::vector<double>& sums, const float* origin, int64_t pixels, int64_t channels, float* mean,
                      float* variance);

// z = activation((x − mean)·scale·inverse + offset), and its gradients through the statistics of x. Where the sums of the gradients
// of scale and offset over all `pixels` are known, the gradient of x is known for a few.
class Normalizer {
 public:
  Normalizer(const NormParameters& parameters, int64_t channels);
  const Grouping& grouping() const { return grouping_; }

  // Perhaps with as many numbers added before the activation.
  void Normalize(const float* x, int64_t pixels, float* z, const float* addend = nullptr) const;
  // Adds the sums over pixels of g and of g·(x − mean) to sums [2, width]; g is dz where the activation passes.
  void AddSums(const float* dz, const float* x, int64_t pixels, double* sums) const;
  // What the sums are: the gradients of scale and offset.
  void FinishSums(const std::vector<double>& sums, float* dscale, float* doffset) const;
  void SetGradients(const float* dscale, const float* doffset, int64_t pixels);
  void Gradient(const float* dz, const float* x, int64_t pixels, float* dx) const;

 private:
  template <typename Body>
  void WithActivation(Body body) const;

  Grouping grouping_;
  Activation activation_;
  std::vector<float> inverse_, mean_, factor_, offset_, slope_, constant_;
};

// ---- Matrix products ----

// b [depth, n], or transposed b [n, depth], as panels.
class PackedMatrix {
 public:
  PackedMatrix(const float* b, bool transposed, int64_t depth, int64_t n);
  // c [rows, n] = a·b for a [rows, depth].
  void Multiply(const float* a, int64_t rows, float* c) const;

 private:
  float* PanelAt(int64_t first, int64_t size, int64_t panel);
  const float* PanelAt(int64_t first, int64_t size, int64_t panel) const {
    return const_cast<PackedMatrix*>(this)->PanelAt(first, size, panel);
  }
  int64_t depth_, n_, panels_;
  std::vector<float> packed_;
};

// c [m, n] += aᵀ·b over some rows; n columns of b and c, whose rows lie `strideB` and `strideC` apart.
void AddTransposedProduct(const float* a, int64_t m, const float* b, int64_t strideB, int64_t n, int64_t rows, float* c,
                          int64_t strideC);

// ---- Depthwise convolution ----

// Gives a row of the image, width·channels numbers: where it lies, or written to the buffer.
using RowSource = std::function<const float*(int64_t row, float* buffer)>;

// Rows of the image with zeros around them. With stride s a row is kept as s rows, of every s-th pixel each, so that neighbours in
// the result are neighbours here too.
struct Padded {
  DepthwiseShape s;
  int64_t columns, plane, rowSize;

  explicit Padded(const DepthwiseShape& s);
  int64_t RowsFor(int64_t outRows) const { return (outRows - 1) * s.stride + (s.kernel - 1) * s.dilation + 1; }
  // Vectors read beyond the last row.
  int64_t SizeFor(int64_t outRows) const { return RowsFor(outRows) * rowSize + kWidth; }
  // How far in a row the numbers lie that column k of the kernel meets.
  int64_t Offset(int64_t k) const { return k * s.dilation % s.stride * plane + k * s.dilation / s.stride * s.channels; }
  // What the rows [firstOut, firstOut + outRows) of the result need of the image.
  void Fill(const RowSource& image, int64_t firstOut, int64_t outRows, float* out) const;
};

// So many numbers of a row, rounded up to vectors, meet weights of their own.
int64_t Period(const DepthwiseShape& s);
// Rows of the result that are computed together: what they need of the image fits into the second cache.
int64_t BlockRows(const DepthwiseShape& s);

// The convolution of padded rows, perhaps with the kernel turned by half a turn.
class DepthwiseRows {
 public:
  DepthwiseRows(const float* kernel, const DepthwiseShape& s, bool turned);
  const Padded& padded() const { return padded_; }
  void Convolve(const float* padded, int64_t rows, float* y) const;

 private:
  Padded padded_;
  std::vector<float> weights_;
};

// The gradient of x where it is x's rows that are asked for.
class DepthwiseInputRows {
 public:
  DepthwiseInputRows(const float* kernel, const DepthwiseShape& s);
  // How many numbers the padded rows of dy take that `rows` rows of x need.
  int64_t SizeFor(int64_t rows) const;
  void Fill(const RowSource& dy, int64_t firstRow, int64_t rows, float* padded) const;
  void Gradient(const float* padded, int64_t firstRow, int64_t rows, float* dx) const;
  // Where a row of dy lies in what was filled from `firstRow` on, and how far the next one is.
  int64_t PlaceOf(int64_t outRow, int64_t firstRow) const;
  int64_t RowSize() const { return padded_.rowSize; }

 private:
  int64_t FirstOf(int64_t row) const { return (row + s_.padTop) / s_.stride; }
  DepthwiseShape s_;
  int64_t taps_, firstColumn_;
  Padded padded_;
  std::vector<float> weights_;
};

// Adds the gradient of the kernel for rows of dy, `stride` apart, to gradient [kernel, kernel, Period].
void AddKernelGradient(const float* padded, const Padded& layout, const float* dy, int64_t stride, int64_t rows, float* gradient);
// The sum of such gradients, as [kernel, kernel, channels].
void FinishKernelGradient(const std::vector<float>& parts, const DepthwiseShape& s, float* gradient);

}  // namespace refconv
