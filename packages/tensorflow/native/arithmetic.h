// The arithmetic of the CPU kernels, on plain arrays. Matrices are row-major; images are NHWC.
#pragma once

#include <cstdint>

namespace refconv {

enum class Activation { kNone = 0, kRelu = 1, kRelu6 = 2 };

// Mean, biased variance of x [rows, channels] per channel.
void BatchStatistics(const float* x, int64_t rows, int64_t channels, float* mean, float* variance);

// y = activation((x − mean)·factor + offset), per channel.
void ScaleAndActivate(const float* x, int64_t rows, int64_t channels, const float* mean, const float* factor,
                      const float* offset, Activation activation, float* y);

// Gradients of activation(batch norm): with z = (x − mean)·inverse·scale + offset, g = dy where the activation passes z, else 0.
void BatchNormGradient(const float* dy, const float* x, int64_t rows, int64_t channels, const float* scale,
                       const float* offset, const float* mean, const float* inverse, Activation activation, float* dx,
                       float* dscale, float* doffset);

// c [rows, n] = a·b for a [rows, depth] and b [depth, n], or, transposed, b [n, depth].
void Product(const float* a, const float* b, bool transposed, int64_t rows, int64_t depth, int64_t n, float* c);

// c [m, n] = aᵀ·b for a [rows, m], b [rows, n].
void TransposedProduct(const float* a, const float* b, int64_t rows, int64_t m, int64_t n, float* c);

struct DepthwiseShape {
  int64_t batch, height, width, channels, outHeight, outWidth, kernel, stride, dilation, padTop, padLeft;
};

// y of a depthwise convolution with a kernel [kernel, kernel, channels]; its stride or its dilation is 1, and its size 3, 5 or 7.
void Depthwise(const float* x, const float* kernel, const DepthwiseShape& shape, float* y);

// Gradient of x.
void DepthwiseInputGradient(const float* dy, const float* kernel, const DepthwiseShape& shape, float* dx);

// Gradient [kernel, kernel, channels] of a depthwise kernel, for x [batch, height, width, channels] and dy.
void DepthwiseKernelGradient(const float* x, const float* dy, const DepthwiseShape& shape, float* gradient);

// Kernels [height, width, slices], and a filter [kernel, kernel, slices] for each slice, of odd size.
struct SlicesShape {
  int64_t height, width, slices, kernel;
};

// Each slice convolved with its filter, with zeros around it, plus the slice itself where `identity`.
void MapSlices(const float* basis, const float* map, const SlicesShape& shape, bool identity, float* result);

// Gradient of the filters.
void MapSlicesGradient(const float* dy, const float* basis, const SlicesShape& shape, float* gradient);

struct ResizeShape {
  int64_t batch, height, width, channels, outHeight, outWidth;
};

// y = rows·x·columnsᵀ for each channel: matrices [outHeight, height] and [outWidth, width] that are almost all zeros.
void ResizeSeparably(const float* x, const float* rows, const float* columns, const ResizeShape& shape, float* y);

}  // namespace refconv
