// The arithmetic of the CPU kernels, on plain arrays. Matrices are row-major; images are NHWC.
#pragma once

#include <cstdint>

namespace refconv {

enum class Activation { kNone = 0, kRelu = 1, kRelu6 = 2 };

// Mean, biased variance of x [pixels, channels] per channel.
void BatchStatistics(const float* x, int64_t pixels, int64_t channels, float* mean, float* variance);

// A normalisation, each [channels]; inverse is 1/√(variance + ε).
struct NormParameters {
  const float *scale, *offset, *mean, *inverse;
  Activation activation;
};

// z = activation((x − mean)·(scale·inverse) + offset + addend); the addend may be null.
void Normalize(const float* x, const float* addend, int64_t pixels, int64_t channels, const NormParameters& norm, float* z);

// Gradients through it and through the statistics of x.
void NormalizeGradient(const float* dz, const float* x, int64_t pixels, int64_t channels, const NormParameters& norm, float* dx,
                       float* dscale, float* doffset);

// Those of scale and offset alone.
void NormalizeSums(const float* dz, const float* x, int64_t pixels, int64_t channels, const NormParameters& norm, float* dscale,
                   float* doffset);

// c [rows, n] = a·b for a [rows, depth] and b [depth, n], or, transposed, b [n, depth].
void Product(const float* a, const float* b, bool transposed, int64_t rows, int64_t depth, int64_t n, float* c);

// c [m, n] = aᵀ·b for a [rows, m], b [rows, n].
void TransposedProduct(const float* a, const float* b, int64_t rows, int64_t m, int64_t n, float* c);

// The same two for `count` matrices each, where a has few rows and b or c is large: that goes through memory once. To the second share·more is
// added, where it is not null.
void ThinProduct(const float* a, const float* b, int64_t count, int64_t rows, int64_t depth, int64_t n, float* c);
void ThinTransposedProduct(const float* a, const float* b, int64_t count, int64_t rows, int64_t m, int64_t n, const float* more, float share,
                           float* c);

// gradient + decay·variable; the sum may lie where the gradient does.
void DecayedGradient(const float* gradient, const float* variable, float decay, int64_t count, float* sum);

struct DepthwiseShape {
  int64_t batch, height, width, channels, outHeight, outWidth, kernel, stride, dilation, padTop, padLeft;
};

// y of a depthwise convolution with a kernel [kernel, kernel, channels]; its stride or its dilation is 1, and its size 3, 5 or 7.
void Depthwise(const float* x, const float* kernel, const DepthwiseShape& shape, float* y);

// Gradient of x.
void DepthwiseInputGradient(const float* dy, const float* kernel, const DepthwiseShape& shape, float* dx);

// Gradient [kernel, kernel, channels] of a depthwise kernel, for x [batch, height, width, channels] and dy.
void DepthwiseKernelGradient(const float* x, const float* dy, const DepthwiseShape& shape, float* gradient);

// ---- Convolutions with the batch norms around them ----

// The images that a convolution takes: x, or x normalised where there is a norm.
struct NormalizedImages {
  const float* x;
  const NormParameters* norm;
};

// Where the mean and the biased variance of a result go; null: they are not wanted.
struct StatisticsResult {
  float *mean, *variance;
};

// A convolution's result y and what was made of it: the gradient of its normalised value, and those of scale and offset.
struct NormalizedResult {
  const float *dz, *y;
  NormParameters norm;
  const float *dscale, *doffset;
};

// The gradients of the images that a convolution takes (of normalised ones where they are), of its kernel, and, where they are
// normalised, of the scale and offset of that.
struct ConvolutionGradients {
  float *dx, *dkernel, *dscale, *doffset;
};

void FusedPointwise(const NormalizedImages& x, const float* kernel, int64_t pixels, int64_t depth, int64_t n, float* y,
                    const StatisticsResult& statistics);
void FusedDepthwise(const NormalizedImages& x, const float* kernel, const DepthwiseShape& shape, float* y,
                    const StatisticsResult& statistics);

// For a kernel [m, n].
void PointwiseBackward(const NormalizedResult& result, const float* kernel, const NormalizedImages& x, int64_t pixels, int64_t m,
                       int64_t n, const ConvolutionGradients& gradients);
// Padding is at least 0 and less than the kernel's reach, and no window lies beyond the image.
void DepthwiseBackward(const NormalizedResult& result, const float* kernel, const NormalizedImages& x, const DepthwiseShape& shape,
                       const ConvolutionGradients& gradients);

// Kernels [height, width, slices], and a filter [kernel, kernel, slices] for each slice, of odd size.
struct SlicesShape {
  int64_t height, width, slices, kernel;
};

// Each slice convolved with its filter, with zeros around it, plus the slice itself where `identity`.
void MapSlices(const float* basis, const float* map, const SlicesShape& shape, bool identity, float* result);

// Gradient of the filters.
void MapSlicesGradient(const float* dy, const float* basis, const SlicesShape& shape, float* gradient);

// y [count, columns, rows] of x [count, rows, columns].
void TransposeEach(const float* x, int64_t count, int64_t rows, int64_t columns, float* y);

// Some of each pixel's channels: [pixels, channels].
template <typename Number>
struct ChannelPart {
  Number* data;
  int64_t channels;
};

// A shuffle of channels: the parts of a pixel, one after the other, are a matrix [rows, columns]; its transpose goes to the pieces, one after
// the other.
void ShuffleChannels(const std::vector<ChannelPart<const float>>& parts, int64_t pixels, int64_t rows,
                     const std::vector<ChannelPart<float>>& pieces);

struct ResizeShape {
  int64_t batch, height, width, channels, outHeight, outWidth;
};

// y = rows·x·columnsᵀ for each channel: matrices [outHeight, height] and [outWidth, width] that are almost all zeros.
void ResizeSeparably(const float* x, const float* rows, const float* columns, const ResizeShape& shape, float* y);

// log Σ e^x − x of the label, of each row of logits [rows, classes]; NaN where a logit is NaN or +∞. Labels are classes.
void SparseCrossEntropy(const float* logits, const int32_t* labels, int64_t rows, int64_t classes, float* losses);

// Gradient of the logits.
void SparseCrossEntropyGradient(const float* dlosses, const float* logits, const int32_t* labels, int64_t rows, int64_t classes,
                                float* dlogits);

// Where the largest number of each row of x [rows, classes] lies; of several equal ones the first.
void LargestOfRows(const float* x, int64_t rows, int64_t classes, int32_t* indices);

}  // namespace refconv
