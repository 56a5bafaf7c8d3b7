// Registers the CPU kernels as TensorFlow operations, through TensorFlow's C API for custom operations.
// Numbers are float32 where none says otherwise. What they compute is said in arithmetic.h.

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "arithmetic.h"
#include "operations.h"
#include "tensorflow/c/kernels.h"
#include "tensorflow/c/ops.h"
#include "tensorflow/c/tf_tensor.h"

namespace refconv {

namespace {

std::vector<int64_t> Shape(TF_Tensor* tensor) {
  std::vector<int64_t> shape(TF_NumDims(tensor));
  for (size_t i = 0; i < shape.size(); ++i) shape[i] = TF_Dim(tensor, static_cast<int>(i));
  return shape;
}

// The inputs and outputs of one call; frees what TensorFlow hands out.
class Call {
 public:
  explicit Call(TF_OpKernelContext* context) : context_(context), status_(TF_NewStatus()) {}
  ~Call() {
    if (failed()) TF_SetStatus(status_, TF_INVALID_ARGUMENT, failure_.c_str());
    if (TF_GetCode(status_) != TF_OK) TF_OpKernelContext_Failure(context_, status_);
    for (auto* tensor : tensors_) TF_DeleteTensor(tensor);
    TF_DeleteStatus(status_);
  }

  TF_Tensor* Input(int index) {
    TF_Tensor* tensor = nullptr;
    TF_GetInput(context_, index, &tensor, status_);
    tensors_.push_back(tensor);
    return tensor;
  }

  const float* Data(TF_Tensor* tensor) { return static_cast<const float*>(TF_TensorData(tensor)); }

  const int32_t* Integers(TF_Tensor* tensor) { return static_cast<const int32_t*>(TF_TensorData(tensor)); }

  float* Output(int index, const std::vector<int64_t>& shape) { return Allocate<float>(index, TF_FLOAT, shape); }
  int32_t* IntegerOutput(int index, const std::vector<int64_t>& shape) { return Allocate<int32_t>(index, TF_INT32, shape); }

  // The input's own memory where nothing else reads it. `given`, a reader too, is let go of; the input's data stay for the call.
  float* OutputInPlaceOf(int input, TF_Tensor* given) {
    std::vector<int64_t> shape = Shape(given);
    tensors_.erase(std::find(tensors_.begin(), tensors_.end(), given));
    TF_DeleteTensor(given);
    TF_Tensor* tensor = TF_ForwardInputOrAllocateOutput(context_, &input, 1, 0, shape.data(), static_cast<int>(shape.size()), nullptr, status_);
    tensors_.push_back(tensor);
    return static_cast<float*>(TF_TensorData(tensor));
  }

  // The caller returns then; TensorFlow gets the first message with the end of the call.
  void Fail(const std::string& message) {
    if (!failed()) failure_ = message;
  }
  bool failed() const { return !failure_.empty(); }

 private:
  template <typename Number>
  Number* Allocate(int index, TF_DataType type, const std::vector<int64_t>& shape) {
    int64_t count = 1;
    for (int64_t size : shape) count *= size;
    TF_Tensor* tensor = TF_AllocateOutput(context_, index, type, shape.data(), static_cast<int>(shape.size()),
                                          count * sizeof(Number), status_);
    tensors_.push_back(tensor);
    return static_cast<Number*>(TF_TensorData(tensor));
  }

  TF_OpKernelContext* context_;
  TF_Status* status_;  // Each call of TensorFlow sets it anew.
  std::string failure_;
  std::vector<TF_Tensor*> tensors_;
};

int64_t Channels(TF_Tensor* tensor) { return TF_Dim(tensor, TF_NumDims(tensor) - 1); }
int64_t Rows(TF_Tensor* tensor) { return Channels(tensor) > 0 ? TF_TensorElementCount(tensor) / Channels(tensor) : 0; }
bool IsEmpty(TF_Tensor* tensor) { return TF_TensorElementCount(tensor) == 0; }

// An input with a value for each channel; the call fails where it has not.
const float* ChannelValues(Call& call, int index, int64_t channels) {
  TF_Tensor* values = call.Input(index);
  int64_t count = TF_TensorElementCount(values);
  if (count != channels) {
    call.Fail("Images of " + std::to_string(channels) + " channels came with a scale, an offset or a statistic of " +
              std::to_string(count) + " values; give a value for each channel.");
  }
  return call.Data(values);
}

// Fails the call where there are no values of which there could be statistics.
bool HasPixels(Call& call, int64_t pixels) {
  if (pixels > 0) return true;
  call.Fail("Batch statistics were asked of images that hold no values; give a batch of at least one image.");
  return false;
}

struct Attributes {
  float epsilon = 0, averageFactor = 1, decay = 0;
  int64_t activation = 0, imageActivation = 0, statistics = 0, rows = 0, identity = 0, kernel = 0, stride = 0, dilation = 1, padTop = 0, padLeft = 0;
};

void* ReadAttributes(TF_OpKernelConstruction* construction, const std::vector<const char*>& names) {
  auto* attributes = new Attributes();
  TF_Status* status = TF_NewStatus();
  for (const std::string name : names) {
    auto real = [&](float* value) { TF_OpKernelConstruction_GetAttrFloat(construction, name.c_str(), value, status); };
    auto integer = [&](int64_t* value) { TF_OpKernelConstruction_GetAttrInt64(construction, name.c_str(), value, status); };
    if (name == "epsilon") real(&attributes->epsilon);
    if (name == "average_factor") real(&attributes->averageFactor);
    if (name == "decay") real(&attributes->decay);
    if (name == "activation") integer(&attributes->activation);
    if (name == "image_activation") integer(&attributes->imageActivation);
    if (name == "statistics") integer(&attributes->statistics);
    if (name == "rows") integer(&attributes->rows);
    if (name == "identity") integer(&attributes->identity);
    if (name == "kernel") integer(&attributes->kernel);
    if (name == "stride") integer(&attributes->stride);
    if (name == "dilation") integer(&attributes->dilation);
    if (name == "pad_top") integer(&attributes->padTop);
    if (name == "pad_left") integer(&attributes->padLeft);
  }
  if (TF_GetCode(status) != TF_OK) TF_OpKernelConstruction_Failure(construction, status);
  TF_DeleteStatus(status);
  return attributes;
}

void DeleteAttributes(void* kernel) { delete static_cast<Attributes*>(kernel); }

// The mean and variance of some pixels, with running ones in the inputs from `first` on: mean, 1/√(variance + ε), and the running ones
// moved by the factor towards the mean and the unbiased variance.
void FinishStatistics(const Attributes& attributes, Call& call, int first, const float* mean, const float* variance,
                      int64_t pixels, int64_t channels) {
  const float* runningMean = ChannelValues(call, first, channels);
  const float* runningVariance = ChannelValues(call, first + 1, channels);
  if (call.failed()) return;
  float* meanOut = call.Output(0, {channels});
  float* inverse = call.Output(1, {channels});
  float* nextMean = call.Output(2, {channels});
  float* nextVariance = call.Output(3, {channels});
  float factor = attributes.averageFactor;
  double unbiased = pixels > 1 ? static_cast<double>(pixels) / (pixels - 1) : 1.0;
  for (int64_t c = 0; c < channels; ++c) {
    meanOut[c] = mean[c];
    inverse[c] = static_cast<float>(1.0 / std::sqrt(static_cast<double>(variance[c]) + attributes.epsilon));
    nextMean[c] = (1 - factor) * runningMean[c] + factor * mean[c];
    nextVariance[c] = static_cast<float>((1 - factor) * runningVariance[c] + factor * (variance[c] * unbiased));
  }
}

// x, running mean, running variance.
void ComputeStatistics(void* kernel, TF_OpKernelContext* context) {
  Call call(context);
  TF_Tensor* x = call.Input(0);
  int64_t pixels = Rows(x), channels = Channels(x);
  if (!HasPixels(call, pixels)) return;
  std::vector<float> mean(channels), variance(channels);
  BatchStatistics(call.Data(x), pixels, channels, mean.data(), variance.data());
  FinishStatistics(*static_cast<Attributes*>(kernel), call, 1, mean.data(), variance.data(), pixels, channels);
}

// x, running mean, running variance, and the mean and variance of x, which came with it.
void ComputeFinishStatistics(void* kernel, TF_OpKernelContext* context) {
  Call call(context);
  TF_Tensor* x = call.Input(0);
  int64_t channels = Channels(x);
  const float *mean = ChannelValues(call, 3, channels), *variance = ChannelValues(call, 4, channels);
  FinishStatistics(*static_cast<Attributes*>(kernel), call, 1, mean, variance, Rows(x), channels);
}

// Scale, offset, mean and inverse, the inputs from `first` on; the call may fail here.
NormParameters Parameters(Call& call, int first, int64_t channels, int64_t activation) {
  auto at = [&](int index) { return ChannelValues(call, first + index, channels); };
  return {at(0), at(1), at(2), at(3), static_cast<Activation>(activation)};
}

// x, scale, offset, mean, inverse, perhaps an addend of x's shape: the activation of the normalised x and it.
void ComputeNormalize(void* kernel, TF_OpKernelContext* context) {
  Call call(context);
  TF_Tensor* x = call.Input(0);
  NormParameters norm = Parameters(call, 1, Channels(x), static_cast<Attributes*>(kernel)->activation);
  if (call.failed()) return;
  const float* addend = TF_NumInputs(context) > 5 ? call.Data(call.Input(5)) : nullptr;
  float* y = call.Output(0, Shape(x));
  if (!IsEmpty(x)) Normalize(call.Data(x), addend, Rows(x), Channels(x), norm, y);
}

// dy, x, scale, offset, mean, inverse: the gradients of x, scale and offset.
void ComputeNormalizeGradient(void* kernel, TF_OpKernelContext* context) {
  Call call(context);
  const float* dy = call.Data(call.Input(0));
  TF_Tensor* x = call.Input(1);
  int64_t channels = Channels(x);
  NormParameters norm = Parameters(call, 2, channels, static_cast<Attributes*>(kernel)->activation);
  if (call.failed()) return;
  float* dx = call.Output(0, Shape(x));
  float* dscale = call.Output(1, {channels});
  float* doffset = call.Output(2, {channels});
  if (channels > 0) NormalizeGradient(dy, call.Data(x), Rows(x), channels, norm, dx, dscale, doffset);
}

// dy, x, scale, offset, mean, inverse: the gradients of scale and offset.
void ComputeNormalizeSums(void* kernel, TF_OpKernelContext* context) {
  Call call(context);
  TF_Tensor *dy = call.Input(0), *x = call.Input(1);
  int64_t channels = Channels(x);
  NormParameters norm = Parameters(call, 2, channels, static_cast<Attributes*>(kernel)->activation);
  if (call.failed()) return;
  float *dscale = call.Output(0, {channels}), *doffset = call.Output(1, {channels});
  if (channels > 0) NormalizeSums(call.Data(dy), call.Data(x), Rows(x), channels, norm, dscale, doffset);
}

// x [.., depth], kernel [1, 1, depth, n]: x·kernel.
void ComputePointwise(void*, TF_OpKernelContext* context) {
  Call call(context);
  TF_Tensor *x = call.Input(0), *kernel = call.Input(1);
  std::vector<int64_t> shape = Shape(x);
  shape.back() = Channels(kernel);
  Product(call.Data(x), call.Data(kernel), false, Rows(x), Channels(x), shape.back(), call.Output(0, shape));
}

// dy [.., n], kernel [1, 1, depth, n], x [.., depth]: dy·kernelᵀ, the gradient of x.
void ComputePointwiseInput(void*, TF_OpKernelContext* context) {
  Call call(context);
  TF_Tensor *dy = call.Input(0), *kernel = call.Input(1), *x = call.Input(2);
  float* dx = call.Output(0, Shape(x));
  Product(call.Data(dy), call.Data(kernel), true, Rows(dy), Channels(dy), Channels(x), dx);
}

// x [.., m], dy [.., n], the kernel [1, 1, m, n]: xᵀ·dy, its gradient.
void ComputeTransposedProduct(void*, TF_OpKernelContext* context) {
  Call call(context);
  TF_Tensor *x = call.Input(0), *dy = call.Input(1);
  int64_t m = Channels(x), n = Channels(dy);
  TransposedProduct(call.Data(x), call.Data(dy), Rows(x), m, n, call.Output(0, Shape(call.Input(2))));
}

DepthwiseShape DepthwiseShapeOf(void* kernel, const std::vector<int64_t>& x, int64_t outHeight, int64_t outWidth) {
  auto& a = *static_cast<Attributes*>(kernel);
  return {x[0], x[1], x[2], x[3], outHeight, outWidth, a.kernel, a.stride, a.dilation, a.padTop, a.padLeft};
}

// x, a depthwise kernel [kernel, kernel, channels, 1], anything of the shape [height, width] of the result: their convolution.
void ComputeDepthwise(void* kernel, TF_OpKernelContext* context) {
  Call call(context);
  TF_Tensor *x = call.Input(0), *filter = call.Input(1), *size = call.Input(2);
  int64_t height = TF_Dim(size, 0), width = TF_Dim(size, 1);
  float* y = call.Output(0, {TF_Dim(x, 0), height, width, TF_Dim(x, 3)});
  Depthwise(call.Data(x), call.Data(filter), DepthwiseShapeOf(kernel, Shape(x), height, width), y);
}

// dy, the depthwise kernel, x: the gradient of x.
void ComputeDepthwiseInput(void* kernel, TF_OpKernelContext* context) {
  Call call(context);
  TF_Tensor *dy = call.Input(0), *filter = call.Input(1), *x = call.Input(2);
  DepthwiseShape shape = DepthwiseShapeOf(kernel, Shape(x), TF_Dim(dy, 1), TF_Dim(dy, 2));
  DepthwiseInputGradient(call.Data(dy), call.Data(filter), shape, call.Output(0, Shape(x)));
}

// x, dy, the depthwise kernel: its gradient.
void ComputeDepthwiseGradient(void* kernel, TF_OpKernelContext* context) {
  Call call(context);
  TF_Tensor *x = call.Input(0), *dy = call.Input(1);
  DepthwiseShape shape = DepthwiseShapeOf(kernel, Shape(x), TF_Dim(dy, 1), TF_Dim(dy, 2));
  DepthwiseKernelGradient(call.Data(x), call.Data(dy), shape, call.Output(0, Shape(call.Input(2))));
}

// Images at `index` of the inputs, whose normalisation is the four from `first` on, if there are so many; the call may fail here.
class Images {
 public:
  Images(Call& call, TF_OpKernelContext* context, int index, int first, int64_t activation) : tensor(call.Input(index)) {
    images_ = {call.Data(tensor), nullptr};
    if (TF_NumInputs(context) == first) return;
    norm_ = Parameters(call, first, Channels(tensor), activation);
    images_.norm = &norm_;
  }
  TF_Tensor* const tensor;
  const NormalizedImages& images() const { return images_; }

 private:
  NormParameters norm_;
  NormalizedImages images_;
};

StatisticsResult StatisticsOutputs(Call& call, const Attributes& attributes, int64_t channels) {
  int64_t count = attributes.statistics ? channels : 0;
  float* mean = call.Output(1, {count});
  float* variance = call.Output(2, {count});
  return attributes.statistics ? StatisticsResult{mean, variance} : StatisticsResult{nullptr, nullptr};
}

// x, kernel, perhaps x's normalisation: x·kernel, perhaps its mean and variance.
void ComputeFusedPointwise(void* kernel, TF_OpKernelContext* context) {
  auto& attributes = *static_cast<Attributes*>(kernel);
  Call call(context);
  Images x(call, context, 0, 2, attributes.imageActivation);
  if (call.failed() || (attributes.statistics && !HasPixels(call, Rows(x.tensor)))) return;
  TF_Tensor* filter = call.Input(1);
  std::vector<int64_t> shape = Shape(x.tensor);
  shape.back() = Channels(filter);
  float* y = call.Output(0, shape);
  auto statistics = StatisticsOutputs(call, attributes, shape.back());
  FusedPointwise(x.images(), call.Data(filter), Rows(x.tensor), Channels(x.tensor), shape.back(), y, statistics);
}

// x, kernel, size, perhaps x's normalisation: the depthwise convolution, perhaps its mean and variance.
void ComputeFusedDepthwise(void* kernel, TF_OpKernelContext* context) {
  Call call(context);
  Images x(call, context, 0, 3, static_cast<Attributes*>(kernel)->imageActivation);
  TF_Tensor *filter = call.Input(1), *size = call.Input(2);
  if (call.failed() || (static_cast<Attributes*>(kernel)->statistics && !HasPixels(call, Rows(x.tensor)))) return;
  DepthwiseShape shape = DepthwiseShapeOf(kernel, Shape(x.tensor), TF_Dim(size, 0), TF_Dim(size, 1));
  float* y = call.Output(0, {shape.batch, shape.outHeight, shape.outWidth, shape.channels});
  auto statistics = StatisticsOutputs(call, *static_cast<Attributes*>(kernel), shape.channels);
  FusedDepthwise(x.images(), call.Data(filter), shape, y, statistics);
}

// dz, y, its scale, offset, mean, inverse, dscale, doffset, kernel, x, perhaps x's normalisation: gradients of x, of the kernel, and
// perhaps of the scale and offset of x's normalisation.
template <bool depthwise>
void ComputeBackward(void* kernel, TF_OpKernelContext* context) {
  auto& attributes = *static_cast<Attributes*>(kernel);
  Call call(context);
  TF_Tensor *y = call.Input(1), *filter = call.Input(8);
  NormalizedResult result{call.Data(call.Input(0)), call.Data(y), Parameters(call, 2, Channels(y), attributes.activation),
                          ChannelValues(call, 6, Channels(y)), ChannelValues(call, 7, Channels(y))};
  Images x(call, context, 9, 10, attributes.imageActivation);
  if (call.failed()) return;
  int64_t m = Channels(x.tensor), count = x.images().norm ? m : 0;
  ConvolutionGradients gradients{call.Output(0, Shape(x.tensor)), call.Output(1, Shape(filter)), call.Output(2, {count}),
                                 call.Output(3, {count})};
  if (depthwise) {
    DepthwiseShape shape = DepthwiseShapeOf(kernel, Shape(x.tensor), TF_Dim(y, 1), TF_Dim(y, 2));
    DepthwiseBackward(result, call.Data(filter), x.images(), shape, gradients);
  } else {
    PointwiseBackward(result, call.Data(filter), x.images(), Rows(y), m, Channels(y), gradients);
  }
}

// x [n, h, w, c], rows [h', h], columns [w', w]: rows·x·columnsᵀ, [n, h', w', c].
void ComputeResize(void*, TF_OpKernelContext* context) {
  Call call(context);
  TF_Tensor *x = call.Input(0), *rows = call.Input(1), *columns = call.Input(2);
  ResizeShape s{TF_Dim(x, 0), TF_Dim(x, 1), TF_Dim(x, 2), TF_Dim(x, 3), TF_Dim(rows, 0), TF_Dim(columns, 0)};
  float* y = call.Output(0, {s.batch, s.outHeight, s.outWidth, s.channels});
  ResizeSeparably(call.Data(x), call.Data(rows), call.Data(columns), s, y);
}

// Fails the call unless the labels of logits [n, classes] are n classes.
bool AreClasses(Call& call, TF_Tensor* labels, int64_t rows, int64_t classes) {
  if (TF_TensorElementCount(labels) != rows) {
    call.Fail("There are " + std::to_string(TF_TensorElementCount(labels)) + " labels of " + std::to_string(rows) + " rows of logits.");
    return false;
  }
  const int32_t* numbers = call.Integers(labels);
  for (int64_t row = 0; row < rows; ++row) {
    if (numbers[row] >= 0 && numbers[row] < classes) continue;
    call.Fail("There is a label " + std::to_string(numbers[row]) + "; expected classes from 0 to " + std::to_string(classes - 1) + ".");
    return false;
  }
  return true;
}

// Logits [n, classes] and labels [n]: the rows' cross entropies.
void ComputeCrossEntropy(void*, TF_OpKernelContext* context) {
  Call call(context);
  TF_Tensor *logits = call.Input(0), *labels = call.Input(1);
  int64_t rows = TF_Dim(logits, 0), classes = Channels(logits);
  if (!AreClasses(call, labels, rows, classes)) return;
  float* losses = call.Output(0, {rows});
  if (rows > 0) SparseCrossEntropy(call.Data(logits), call.Integers(labels), rows, classes, losses);
}

// dlosses [n], logits [n, classes] and labels [n]: the gradient of the logits. TensorFlow may leave the losses themselves out, or
// compute them later.
void ComputeCrossEntropyGradient(void*, TF_OpKernelContext* context) {
  Call call(context);
  TF_Tensor *dlosses = call.Input(0), *logits = call.Input(1), *labels = call.Input(2);
  int64_t rows = TF_Dim(logits, 0), classes = Channels(logits);
  if (!AreClasses(call, labels, rows, classes)) return;
  float* dlogits = call.Output(0, {rows, classes});
  if (rows > 0) SparseCrossEntropyGradient(call.Data(dlosses), call.Data(logits), call.Integers(labels), rows, classes, dlogits);
}

// x [.., n]: where the largest number of each row lies.
void ComputeLargest(void*, TF_OpKernelContext* context) {
  Call call(context);
  TF_Tensor* x = call.Input(0);
  std::vector<int64_t> shape = Shape(x);
  shape.pop_back();
  int32_t* indices = call.IntegerOutput(0, shape);
  if (!IsEmpty(x)) LargestOfRows(call.Data(x), Rows(x), Channels(x), indices);
}

// x [.., a, b]: [.., b, a].
void ComputeTranspose(void*, TF_OpKernelContext* context) {
  Call call(context);
  TF_Tensor* x = call.Input(0);
  std::vector<int64_t> shape = Shape(x);
  int64_t columns = shape.back(), rows = shape[shape.size() - 2], size = rows * columns;
  std::swap(shape.back(), shape[shape.size() - 2]);
  float* y = call.Output(0, shape);
  if (size > 0) TransposeEach(call.Data(x), TF_TensorElementCount(x) / size, rows, columns, y);
}

// parts [.., c_i], and for each piece a tensor of as many numbers as it has channels.
void ComputeShuffle(void* kernel, TF_OpKernelContext* context) {
  Call call(context);
  std::vector<ChannelPart<const float>> parts;
  std::vector<ChannelPart<float>> pieces;
  int count = TF_NumOutputs(context), given = TF_NumInputs(context) - count;
  for (int i = 0; i < given; ++i) {
    TF_Tensor* part = call.Input(i);
    parts.push_back({call.Data(part), Channels(part)});
  }
  TF_Tensor* first = call.Input(0);
  std::vector<int64_t> shape = Shape(first);
  for (int i = 0; i < count; ++i) {
    shape.back() = TF_Dim(call.Input(given + i), 0);
    float* piece = call.Output(i, shape);
    pieces.push_back({piece, shape.back()});
  }
  int64_t pixels = Rows(first);
  if (pixels > 0) ShuffleChannels(parts, pixels, static_cast<Attributes*>(kernel)->rows, pieces);
}

// The last two dimensions of a tensor of matrices, and how many matrices there are.
struct Matrices {
  explicit Matrices(TF_Tensor* x) : columns(Channels(x)), rows(TF_Dim(x, TF_NumDims(x) - 2)), count(Rows(x) / rows) {}
  int64_t columns, rows, count;
};

// a [.., rows, depth], b [.., depth, n].
void ComputeThinProduct(void*, TF_OpKernelContext* context) {
  Call call(context);
  TF_Tensor *a = call.Input(0), *b = call.Input(1);
  std::vector<int64_t> shape = Shape(a);
  Matrices left(a);
  shape.back() = Channels(b);
  ThinProduct(call.Data(a), call.Data(b), left.count, left.rows, left.columns, shape.back(), call.Output(0, shape));
}

// a [.., rows, m], b [.., rows, n], and perhaps as many numbers as the product has, of which a share is added.
void ComputeThinTransposedProduct(void* kernel, TF_OpKernelContext* context) {
  Call call(context);
  TF_Tensor *a = call.Input(0), *b = call.Input(1);
  std::vector<int64_t> shape = Shape(b);
  Matrices left(a);
  shape[shape.size() - 2] = left.columns;
  const float* more = TF_NumInputs(context) > 2 ? call.Data(call.Input(2)) : nullptr;
  ThinTransposedProduct(call.Data(a), call.Data(b), left.count, left.rows, left.columns, shape.back(), more,
                        static_cast<Attributes*>(kernel)->decay, call.Output(0, shape));
}

void ComputeDecayedGradient(void* kernel, TF_OpKernelContext* context) {
  Call call(context);
  TF_Tensor *gradient = call.Input(0), *variable = call.Input(1);
  const float *slopes = call.Data(gradient), *values = call.Data(variable);
  int64_t count = TF_TensorElementCount(gradient);
  float* sum = call.OutputInPlaceOf(0, gradient);
  DecayedGradient(slopes, values, static_cast<Attributes*>(kernel)->decay, count, sum);
}

SlicesShape SlicesOf(TF_Tensor* basis, TF_Tensor* map) {
  int64_t height = TF_Dim(basis, 0), width = TF_Dim(basis, 1);
  return {height, width, TF_TensorElementCount(basis) / (height * width), TF_Dim(map, 0)};
}

// basis [h, w, ..], map [k, k, ..]: the basis mapped slice by slice.
void ComputeMapSlices(void* kernel, TF_OpKernelContext* context) {
  Call call(context);
  TF_Tensor *basis = call.Input(0), *map = call.Input(1);
  bool identity = static_cast<Attributes*>(kernel)->identity != 0;
  MapSlices(call.Data(basis), call.Data(map), SlicesOf(basis, map), identity, call.Output(0, Shape(basis)));
}

// dy, basis, map: the gradient of the map.
void ComputeMapSlicesGradient(void*, TF_OpKernelContext* context) {
  Call call(context);
  TF_Tensor *dy = call.Input(0), *basis = call.Input(1), *map = call.Input(2);
  MapSlicesGradient(call.Data(dy), call.Data(basis), SlicesOf(basis, map), call.Output(0, Shape(map)));
}

// Every output but the pointwise convolution's and the resized images has the shape of one of the inputs.
class Inference {
 public:
  Inference(TF_ShapeInferenceContext* context, TF_Status* status) : context_(context), status_(status) {}
  void Like(int output, int input) {
    TF_ShapeHandle* handle = TF_NewShapeHandle();
    TF_ShapeInferenceContextGetInput(context_, input, handle, status_);
    TF_ShapeInferenceContextSetOutput(context_, output, handle, status_);
    TF_DeleteShapeHandle(handle);
  }

 private:
  TF_ShapeInferenceContext* context_;
  TF_Status* status_;
};

void StatisticsShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  Inference inference(context, status);
  for (int output = 0; output < 4; ++output) inference.Like(output, 1);
}
void NormalizeShapes(TF_ShapeInferenceContext* context, TF_Status* status) { Inference(context, status).Like(0, 0); }
void NormalizeGradientShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  Inference inference(context, status);
  inference.Like(0, 1);
  inference.Like(1, 2);
  inference.Like(2, 3);
}
void PointwiseShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  TF_ShapeHandle *x = TF_NewShapeHandle(), *kernel = TF_NewShapeHandle();
  TF_DimensionHandle* channels = TF_NewDimensionHandle();
  TF_ShapeInferenceContextGetInput(context, 0, x, status);
  TF_ShapeInferenceContextGetInput(context, 1, kernel, status);
  TF_ShapeInferenceContextSubshape(context, x, 0, -1, x, status);
  TF_ShapeInferenceContextDim(context, kernel, -1, channels);
  TF_ShapeHandle* last = TF_ShapeInferenceContextVectorFromSize(context, TF_DimensionHandleValue(channels));
  TF_ShapeInferenceContextConcatenateShapes(context, x, last, x, status);
  TF_ShapeInferenceContextSetOutput(context, 0, x, status);
  TF_DeleteDimensionHandle(channels);
  for (auto* handle : {x, kernel, last}) TF_DeleteShapeHandle(handle);
}
// What each part (an input's dimensions from start to end) gives, one after the other.
struct ShapePart {
  int input;
  int64_t start, end;
};
void JoinedShape(TF_ShapeInferenceContext* context, TF_Status* status, const std::vector<ShapePart>& parts) {
  TF_ShapeHandle *input = TF_NewShapeHandle(), *part = TF_NewShapeHandle(), *result = TF_NewShapeHandle();
  for (size_t i = 0; i < parts.size(); ++i) {
    TF_ShapeInferenceContextGetInput(context, parts[i].input, input, status);
    TF_ShapeInferenceContextSubshape(context, input, parts[i].start, parts[i].end, i == 0 ? result : part, status);
    if (i > 0) TF_ShapeInferenceContextConcatenateShapes(context, result, part, result, status);
  }
  TF_ShapeInferenceContextSetOutput(context, 0, result, status);
  for (auto* handle : {input, part, result}) TF_DeleteShapeHandle(handle);
}
// [n, h', w', c] of x [n, h, w, c], rows [h', h] and columns [w', w].
void ResizeShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  JoinedShape(context, status, {{0, 0, 1}, {1, 0, 1}, {2, 0, 1}, {0, 3, 4}});
}
// [n, h', w', c] of x [n, h, w, c] and [h', w'].
void DepthwiseShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  JoinedShape(context, status, {{0, 0, 1}, {2, 0, 2}, {0, 3, 4}});
}
void CrossEntropyShapes(TF_ShapeInferenceContext* context, TF_Status* status) { Inference(context, status).Like(0, 1); }
void LargestShapes(TF_ShapeInferenceContext* context, TF_Status* status) { JoinedShape(context, status, {{0, 0, -1}}); }
void TransposeShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  JoinedShape(context, status, {{0, 0, -2}, {0, -1, INT64_MAX}, {0, -2, -1}});
}
void ThinProductShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  JoinedShape(context, status, {{0, 0, -1}, {1, -1, INT64_MAX}});
}
void ThinTransposedShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  JoinedShape(context, status, {{0, 0, -2}, {0, -1, INT64_MAX}, {1, -1, INT64_MAX}});
}
// The pieces' shapes: the first part's, with as many channels as the tensors say that are given for them last.
void ShuffleShapes(TF_ShapeInferenceContext* context, TF_Status* status, int pieces) {
  TF_ShapeHandle *x = TF_NewShapeHandle(), *channels = TF_NewShapeHandle();
  int given = static_cast<int>(TF_ShapeInferenceContextNumInputs(context)) - pieces;
  for (int piece = 0; piece < pieces; ++piece) {
    TF_ShapeInferenceContextGetInput(context, 0, x, status);
    TF_ShapeInferenceContextSubshape(context, x, 0, -1, x, status);
    TF_ShapeInferenceContextGetInput(context, given + piece, channels, status);
    TF_ShapeInferenceContextConcatenateShapes(context, x, channels, x, status);
    TF_ShapeInferenceContextSetOutput(context, piece, x, status);
  }
  for (auto* handle : {x, channels}) TF_DeleteShapeHandle(handle);
}
void ShuffleShapes(TF_ShapeInferenceContext* context, TF_Status* status) { ShuffleShapes(context, status, 1); }
void ShuffleSplitShapes(TF_ShapeInferenceContext* context, TF_Status* status) { ShuffleShapes(context, status, 2); }
void ThirdInputShapes(TF_ShapeInferenceContext* context, TF_Status* status) { Inference(context, status).Like(0, 2); }

// The channels of an input, as a shape.
void ChannelsShape(TF_ShapeInferenceContext* context, TF_Status* status, int output, int input) {
  TF_ShapeHandle* shape = TF_NewShapeHandle();
  TF_ShapeInferenceContextGetInput(context, input, shape, status);
  TF_ShapeInferenceContextSubshape(context, shape, -1, INT64_MAX, shape, status);
  TF_ShapeInferenceContextSetOutput(context, output, shape, status);
  TF_DeleteShapeHandle(shape);
}
void FusedPointwiseShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  PointwiseShapes(context, status);
  for (int output : {1, 2}) ChannelsShape(context, status, output, 1);
}
void FusedDepthwiseShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  DepthwiseShapes(context, status);
  for (int output : {1, 2}) ChannelsShape(context, status, output, 0);
}
void NormalizeSumsShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  Inference(context, status).Like(0, 2);
  Inference(context, status).Like(1, 3);
}
void BackwardShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  Inference(context, status).Like(0, 9);
  Inference(context, status).Like(1, 8);
  for (int output : {2, 3}) ChannelsShape(context, status, output, 9);
}

using Compute = void (*)(void*, TF_OpKernelContext*);
using Create = void* (*)(TF_OpKernelConstruction*);

void Register(const char* name, const std::vector<const char*>& inputs, const std::vector<const char*>& outputs,
              const std::vector<const char*>& attributes, void (*shapes)(TF_ShapeInferenceContext*, TF_Status*),
              Create create, Compute compute) {
  TF_OpDefinitionBuilder* definition = TF_NewOpDefinitionBuilder(name);
  auto typed = [](std::string name) { return name.find(':') != std::string::npos ? name : name + ": float"; };
  for (const char* input : inputs) TF_OpDefinitionBuilderAddInput(definition, typed(input).c_str());
  for (const char* output : outputs) TF_OpDefinitionBuilderAddOutput(definition, typed(output).c_str());
  for (const char* attribute : attributes) TF_OpDefinitionBuilderAddAttr(definition, attribute);
  TF_OpDefinitionBuilderSetShapeInferenceFunction(definition, shapes);
  TF_Status* status = TF_NewStatus();
  TF_RegisterOpDefinition(definition, status);
  TF_KernelBuilder* kernel = TF_NewKernelBuilder(name, "CPU", create, compute, DeleteAttributes);
  TF_RegisterKernelBuilder(name, kernel, status);
  TF_DeleteStatus(status);
}

}  // namespace

void RegisterOperations() {
  Register("RefconvBatchStatistics", {"x", "running_mean", "running_variance"},
           {"mean", "inverse", "next_mean", "next_variance"}, {"epsilon: float", "average_factor: float = 1.0"},
           StatisticsShapes, [](TF_OpKernelConstruction* c) { return ReadAttributes(c, {"epsilon", "average_factor"}); },
           ComputeStatistics);
  Register("RefconvNormalize", {"x", "scale", "offset", "mean", "inverse", "addend: count * float"}, {"y"},
           {"activation: int = 0", "count: int >= 0"},
           NormalizeShapes, [](TF_OpKernelConstruction* c) { return ReadAttributes(c, {"activation"}); },
           ComputeNormalize);
  Register("RefconvNormalizeGrad", {"dy", "x", "scale", "offset", "mean", "inverse"}, {"dx", "dscale", "doffset"},
           {"activation: int = 0"}, NormalizeGradientShapes,
           [](TF_OpKernelConstruction* c) { return ReadAttributes(c, {"activation"}); }, ComputeNormalizeGradient);
  auto none = [](TF_OpKernelConstruction* c) { return ReadAttributes(c, {}); };
  Register("RefconvPointwise", {"x", "kernel"}, {"y"}, {}, PointwiseShapes, none, ComputePointwise);
  Register("RefconvPointwiseInputGrad", {"dy", "kernel", "like"}, {"gradient"}, {}, ThirdInputShapes, none,
           ComputePointwiseInput);
  Register("RefconvPointwiseKernelGrad", {"x", "dy", "like"}, {"gradient"}, {}, ThirdInputShapes,
           none, ComputeTransposedProduct);
  std::vector<const char*> placement{"kernel: int", "stride: int", "dilation: int = 1", "pad_top: int", "pad_left: int"};
  auto placed = [](TF_OpKernelConstruction* c) {
    return ReadAttributes(c, {"kernel", "stride", "dilation", "pad_top", "pad_left"});
  };
  Register("RefconvDepthwise", {"x", "filter", "size"}, {"y"}, placement, DepthwiseShapes, placed, ComputeDepthwise);
  Register("RefconvDepthwiseInputGrad", {"dy", "filter", "like"}, {"gradient"}, placement, ThirdInputShapes, placed,
           ComputeDepthwiseInput);
  Register("RefconvDepthwiseKernelGrad", {"x", "dy", "like"}, {"gradient"}, placement, ThirdInputShapes, placed,
           ComputeDepthwiseGradient);
  std::vector<const char*> fused{"count: int >= 0", "image_activation: int = 0"};
  auto with = [](std::vector<const char*> some, const std::vector<const char*>& more) {
    some.insert(some.end(), more.begin(), more.end());
    return some;
  };
  auto all = [](TF_OpKernelConstruction* c) { return ReadAttributes(c, {"image_activation", "statistics"}); };
  auto allPlaced = [](TF_OpKernelConstruction* c) {
    return ReadAttributes(c, {"image_activation", "statistics", "kernel", "stride", "dilation", "pad_top", "pad_left"});
  };
  auto back = [](TF_OpKernelConstruction* c) { return ReadAttributes(c, {"image_activation", "activation"}); };
  auto backPlaced = [](TF_OpKernelConstruction* c) {
    return ReadAttributes(c, {"image_activation", "activation", "kernel", "stride", "dilation", "pad_top", "pad_left"});
  };
  std::vector<const char*> forward = with(fused, {"statistics: int = 0"}), backward = with(fused, {"activation: int = 0"});
  Register("RefconvFusedPointwise", {"x", "filter", "norm: count * float"}, {"y", "mean", "variance"}, forward,
           FusedPointwiseShapes, all, ComputeFusedPointwise);
  Register("RefconvFusedDepthwise", {"x", "filter", "size", "norm: count * float"}, {"y", "mean", "variance"},
           with(forward, placement), FusedDepthwiseShapes, allPlaced, ComputeFusedDepthwise);
  std::vector<const char*> result{"dz",      "y",       "scale",  "offset", "result_mean",
                                  "inverse", "dscale",  "doffset", "filter", "x", "norm: count * float"};
  std::vector<const char*> gradients{"dx", "dfilter", "image_dscale", "image_doffset"};
  Register("RefconvPointwiseBackward", result, gradients, backward, BackwardShapes, back, ComputeBackward<false>);
  Register("RefconvDepthwiseBackward", result, gradients, with(backward, placement), BackwardShapes, backPlaced,
           ComputeBackward<true>);
  Register("RefconvNormalizeSums", {"dy", "x", "scale", "offset", "mean", "inverse"}, {"dscale", "doffset"},
           {"activation: int = 0"}, NormalizeSumsShapes,
           [](TF_OpKernelConstruction* c) { return ReadAttributes(c, {"activation"}); }, ComputeNormalizeSums);
  Register("RefconvFinishStatistics", {"x", "running_mean", "running_variance", "batch_mean", "batch_variance"},
           {"mean", "inverse", "next_mean", "next_variance"}, {"epsilon: float", "average_factor: float = 1.0"},
           StatisticsShapes, [](TF_OpKernelConstruction* c) { return ReadAttributes(c, {"epsilon", "average_factor"}); },
           ComputeFinishStatistics);
  Register("RefconvResize", {"x", "rows", "columns"}, {"y"}, {}, ResizeShapes, none, ComputeResize);
  Register("RefconvSparseCrossEntropy", {"logits", "labels: int32"}, {"losses"}, {}, CrossEntropyShapes, none, ComputeCrossEntropy);
  Register("RefconvSparseCrossEntropyGrad", {"dlosses", "logits", "labels: int32"}, {"dlogits"}, {}, CrossEntropyShapes, none,
           ComputeCrossEntropyGradient);
  Register("RefconvArgMax", {"x"}, {"indices: int32"}, {}, LargestShapes, none, ComputeLargest);
  Register("RefconvTransposeEach", {"x"}, {"y"}, {}, TransposeShapes, none, ComputeTranspose);
  auto shuffled = [](TF_OpKernelConstruction* c) { return ReadAttributes(c, {"rows"}); };
  std::vector<const char*> shuffle{"parts: int >= 1", "rows: int"};
  Register("RefconvShuffle", {"x: parts * float", "like"}, {"y"}, shuffle, ShuffleShapes, shuffled, ComputeShuffle);
  Register("RefconvShuffleSplit", {"x: parts * float", "like", "other_like"}, {"y", "other_y"}, shuffle, ShuffleSplitShapes, shuffled,
           ComputeShuffle);
  Register("RefconvThinProduct", {"a", "b"}, {"product"}, {}, ThinProductShapes, none, ComputeThinProduct);
  auto decay = [](TF_OpKernelConstruction* c) { return ReadAttributes(c, {"decay"}); };
  Register("RefconvThinTransposedProduct", {"a", "b", "variable: count * float"}, {"product"}, {"count: int >= 0", "decay: float = 0.0"},
           ThinTransposedShapes, decay, ComputeThinTransposedProduct);
  Register("RefconvDecayedGradient", {"gradient", "variable"}, {"decayed"}, {"decay: float"}, NormalizeShapes, decay,
           ComputeDecayedGradient);
  Register("RefconvMapSlices", {"basis", "map"}, {"mapped"}, {"identity: int"}, NormalizeShapes,
           [](TF_OpKernelConstruction* c) { return ReadAttributes(c, {"identity"}); }, ComputeMapSlices);
  Register("RefconvMapSlicesGrad", {"dy", "basis", "like"}, {"gradient"}, {}, ThirdInputShapes, none,
           ComputeMapSlicesGradient);
}

}  // namespace refconv
