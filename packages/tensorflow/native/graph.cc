// A thin Node-API surface over TensorFlow's C API for graphs and sessions.
// It holds no policy: what becomes an operation, what is fed and what is fetched is decided in TypeScript.

#include <malloc.h>
#include <napi.h>

#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "operations.h"
#include "server.h"
#include "tensorflow/c/c_api.h"

// TensorFlow's log goes through Abseil, whose headers need not match; where this version's symbol is missing nothing is set.
namespace absl {
inline namespace lts_20250814 {
enum class LogSeverityAtLeast : int;
__attribute__((weak)) void SetMinLogLevel(LogSeverityAtLeast level);
}  // namespace lts_20250814
}  // namespace absl

namespace {

using TensorPtr = std::unique_ptr<TF_Tensor, decltype(&TF_DeleteTensor)>;
using BufferPtr = std::unique_ptr<TF_Buffer, decltype(&TF_DeleteBuffer)>;

struct Status {
  TF_Status* value = TF_NewStatus();
  ~Status() { TF_DeleteStatus(value); }
  bool ok() const { return TF_GetCode(value) == TF_OK; }
  const char* message() const { return TF_Message(value); }
  void check(Napi::Env env) const {
    if (!ok()) throw Napi::Error::New(env, message());
  }
};

std::vector<int64_t> ToShape(const Napi::Value& value) {
  auto array = value.As<Napi::Array>();
  std::vector<int64_t> shape(array.Length());
  for (uint32_t i = 0; i < shape.size(); ++i) shape[i] = array.Get(i).ToNumber().Int64Value();
  return shape;
}

Napi::Array FromShape(Napi::Env env, const std::vector<int64_t>& shape) {
  auto array = Napi::Array::New(env, shape.size());
  for (uint32_t i = 0; i < shape.size(); ++i) array.Set(i, Napi::Number::New(env, static_cast<double>(shape[i])));
  return array;
}

// {dtype, shape, data}: data is a typed array, or for TF_STRING an array of Uint8Array.
TensorPtr ToTensor(const Napi::Object& value) {
  Napi::Env env = value.Env();
  auto dtype = static_cast<TF_DataType>(value.Get("dtype").ToNumber().Int32Value());
  auto shape = ToShape(value.Get("shape"));
  size_t count = 1;
  for (int64_t size : shape) count *= static_cast<size_t>(size);

  if (dtype == TF_STRING) {
    auto strings = value.Get("data").As<Napi::Array>();
    if (strings.Length() != count) throw Napi::Error::New(env, "The number of strings does not match the shape.");
    TensorPtr tensor(TF_AllocateTensor(dtype, shape.data(), shape.size(), count * sizeof(TF_TString)), TF_DeleteTensor);
    auto* elements = static_cast<TF_TString*>(TF_TensorData(tensor.get()));
    for (size_t i = 0; i < count; ++i) {
      auto bytes = strings.Get(static_cast<uint32_t>(i)).As<Napi::Uint8Array>();
      TF_TString_Init(&elements[i]);
      TF_TString_Copy(&elements[i], reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength());
    }
    return tensor;
  }

  auto data = value.Get("data").As<Napi::TypedArray>();
  size_t bytes = count * TF_DataTypeSize(dtype);
  if (data.ByteLength() != bytes) {
    throw Napi::Error::New(env, "A tensor of " + std::to_string(bytes) + " bytes was given " +
                                    std::to_string(data.ByteLength()) + " bytes of data.");
  }
  TensorPtr tensor(TF_AllocateTensor(dtype, shape.data(), shape.size(), bytes), TF_DeleteTensor);
  // Asked for directly, as the array may lie in a SharedArrayBuffer, which has no Napi::ArrayBuffer.
  void* values = nullptr;
  napi_get_typedarray_info(env, data, nullptr, nullptr, &values, nullptr, nullptr);
  if (bytes > 0) std::memcpy(TF_TensorData(tensor.get()), values, bytes);
  return tensor;
}

Napi::Object FromTensor(Napi::Env env, const TF_Tensor* tensor) {
  std::vector<int64_t> shape(TF_NumDims(tensor));
  for (size_t i = 0; i < shape.size(); ++i) shape[i] = TF_Dim(tensor, static_cast<int>(i));
  auto result = Napi::Object::New(env);
  result.Set("dtype", Napi::Number::New(env, TF_TensorType(tensor)));
  result.Set("shape", FromShape(env, shape));
  if (TF_TensorType(tensor) == TF_STRING) {
    size_t count = static_cast<size_t>(TF_TensorElementCount(tensor));
    auto* elements = static_cast<TF_TString*>(TF_TensorData(tensor));
    auto strings = Napi::Array::New(env, count);
    for (size_t i = 0; i < count; ++i) {
      strings.Set(static_cast<uint32_t>(i), Napi::Buffer<char>::Copy(env, TF_TString_GetDataPointer(&elements[i]),
                                                                     TF_TString_GetSize(&elements[i])));
    }
    result.Set("data", strings);
  } else {
    size_t bytes = TF_TensorByteSize(tensor);
    auto buffer = Napi::ArrayBuffer::New(env, bytes);
    std::memcpy(buffer.Data(), TF_TensorData(tensor), bytes);
    result.Set("data", buffer);
  }
  return result;
}

template <typename T, typename Get>
std::vector<T> ToVector(const Napi::Array& array, Get get) {
  std::vector<T> values(array.Length());
  for (uint32_t i = 0; i < values.size(); ++i) values[i] = static_cast<T>(get(array.Get(i)));
  return values;
}

void SetAttribute(TF_OperationDescription* description, const Napi::Object& attribute, Status& status) {
  Napi::Env env = attribute.Env();
  std::string name = attribute.Get("name").ToString();
  auto type = static_cast<TF_AttrType>(attribute.Get("type").ToNumber().Int32Value());
  Napi::Value value = attribute.Get("value");
  bool list = value.IsArray();
  auto integer = [](const Napi::Value& v) { return v.ToNumber().Int64Value(); };
  auto real = [](const Napi::Value& v) { return v.ToNumber().DoubleValue(); };
  auto boolean = [](const Napi::Value& v) { return v.ToBoolean().Value(); };
  switch (type) {
    case TF_ATTR_STRING: {
      std::string text = value.ToString();
      TF_SetAttrString(description, name.c_str(), text.data(), text.size());
      break;
    }
    case TF_ATTR_INT:
      if (list) {
        auto values = ToVector<int64_t>(value.As<Napi::Array>(), integer);
        TF_SetAttrIntList(description, name.c_str(), values.data(), static_cast<int>(values.size()));
      } else {
        TF_SetAttrInt(description, name.c_str(), integer(value));
      }
      break;
    case TF_ATTR_FLOAT:
      if (list) {
        auto values = ToVector<float>(value.As<Napi::Array>(), real);
        TF_SetAttrFloatList(description, name.c_str(), values.data(), static_cast<int>(values.size()));
      } else {
        TF_SetAttrFloat(description, name.c_str(), static_cast<float>(real(value)));
      }
      break;
    case TF_ATTR_BOOL:
      if (list) {
        auto values = ToVector<unsigned char>(value.As<Napi::Array>(), boolean);
        TF_SetAttrBoolList(description, name.c_str(), values.data(), static_cast<int>(values.size()));
      } else {
        TF_SetAttrBool(description, name.c_str(), boolean(value));
      }
      break;
    case TF_ATTR_TYPE:
      if (list) {
        auto values = ToVector<TF_DataType>(value.As<Napi::Array>(), integer);
        TF_SetAttrTypeList(description, name.c_str(), values.data(), static_cast<int>(values.size()));
      } else {
        TF_SetAttrType(description, name.c_str(), static_cast<TF_DataType>(integer(value)));
      }
      break;
    case TF_ATTR_SHAPE: {
      auto shape = ToShape(value);
      TF_SetAttrShape(description, name.c_str(), shape.data(), static_cast<int>(shape.size()));
      break;
    }
    case TF_ATTR_TENSOR: {
      TensorPtr tensor = ToTensor(value.As<Napi::Object>());
      TF_SetAttrTensor(description, name.c_str(), tensor.get(), status.value);
      status.check(env);
      break;
    }
    default:
      throw Napi::Error::New(env, "Attribute '" + name + "' has a type that is not supported: " + std::to_string(type));
  }
}

// What one session call needs, made on JavaScript's thread and used on any.
struct Run {
  std::vector<TF_Output> feeds, fetches;
  std::vector<TensorPtr> feedTensors;
  std::vector<TF_Operation*> targets;
  std::vector<TensorPtr> results;
  BufferPtr metadata{nullptr, TF_DeleteBuffer};
  std::string options;  // a serialized RunOptions
  Status status;

  void Execute(TF_Session* session) {
    std::vector<TF_Tensor*> inputs, outputs(fetches.size(), nullptr);
    for (auto& tensor : feedTensors) inputs.push_back(tensor.get());
    // trace_level: FULL_TRACE; messages that follow each other are one.
    if (metadata) options += "\x08\x03";
    BufferPtr given(options.empty() ? nullptr : TF_NewBufferFromString(options.data(), options.size()), TF_DeleteBuffer);
    TF_SessionRun(session, given.get(), feeds.data(), inputs.data(), static_cast<int>(inputs.size()), fetches.data(),
                  outputs.data(), static_cast<int>(outputs.size()), targets.data(), static_cast<int>(targets.size()),
                  metadata.get(), status.value);
    for (auto* output : outputs) results.emplace_back(output, TF_DeleteTensor);
    feedTensors.clear();
  }

  Napi::Value Result(Napi::Env env) const {
    auto outputs = Napi::Array::New(env, results.size());
    for (uint32_t i = 0; i < results.size(); ++i) outputs.Set(i, FromTensor(env, results[i].get()));
    auto result = Napi::Object::New(env);
    result.Set("outputs", outputs);
    if (metadata) {
      result.Set("metadata", Napi::Buffer<char>::Copy(env, static_cast<const char*>(metadata->data), metadata->length));
    }
    return result;
  }
};

// Graph and session, kept alive until the last asynchronous call has ended.
struct Core {
  TF_Graph* graph = TF_NewGraph();
  TF_Session* session = nullptr;
  ~Core() {
    Status status;
    if (session) {
      TF_CloseSession(session, status.value);
      TF_DeleteSession(session, status.value);
    }
    TF_DeleteGraph(graph);
  }
};

class RunWorker : public Napi::AsyncWorker {
 public:
  RunWorker(Napi::Env env, std::shared_ptr<Core> core, std::unique_ptr<Run> run)
      : AsyncWorker(env), deferred(Napi::Promise::Deferred::New(env)), core_(std::move(core)), run_(std::move(run)) {}
  void Execute() override {
    run_->Execute(core_->session);
    if (!run_->status.ok()) SetError(run_->status.message());
  }
  void OnOK() override { deferred.Resolve(run_->Result(Env())); }
  void OnError(const Napi::Error& error) override { deferred.Reject(error.Value()); }
  Napi::Promise::Deferred deferred;

 private:
  std::shared_ptr<Core> core_;
  std::unique_ptr<Run> run_;
};

class Graph : public Napi::ObjectWrap<Graph> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "Graph",
                       {InstanceMethod<&Graph::AddOperation>("addOperation"),
                        InstanceMethod<&Graph::OpDefinition>("opDefinition"), InstanceMethod<&Graph::RunSync>("run"),
                        InstanceMethod<&Graph::RunAsync>("runAsync"),
                        InstanceMethod<&Graph::ListDevices>("listDevices"),
                        InstanceMethod<&Graph::GraphDefinition>("graphDefinition"),
                        InstanceMethod<&Graph::Close>("close")});
  }

  // new Graph(config: serialized ConfigProto, target?: of a server)
  explicit Graph(const Napi::CallbackInfo& info) : ObjectWrap(info), core_(std::make_shared<Core>()) {
    auto config = info[0].As<Napi::Uint8Array>();
    TF_SessionOptions* options = TF_NewSessionOptions();
    Status status;
    TF_SetConfig(options, config.Data(), config.ByteLength(), status.value);
    if (info[1].IsString()) TF_SetTarget(options, info[1].ToString().Utf8Value().c_str());
    if (status.ok()) core_->session = TF_NewSession(core_->graph, options, status.value);
    TF_DeleteSessionOptions(options);
    status.check(info.Env());
  }

 private:
  Core& Open(Napi::Env env) {
    if (!core_) throw Napi::Error::New(env, "The graph was closed.");
    return *core_;
  }

  TF_Operation* Operation(const Napi::Value& index) {
    uint32_t i = index.ToNumber().Uint32Value();
    if (i >= operations_.size()) throw Napi::Error::New(index.Env(), "No operation has number " + std::to_string(i) + ".");
    return operations_[i];
  }

  // [operation, output index]
  TF_Output Output(const Napi::Value& value) {
    auto pair = value.As<Napi::Array>();
    return {Operation(pair.Get(0u)), pair.Get(1u).ToNumber().Int32Value()};
  }

  // addOperation({type, name, inputs, controls, attributes}): {operation, outputs: [{dtype, shape | null}]}
  Napi::Value AddOperation(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    TF_Graph* graph = Open(env).graph;
    auto node = info[0].As<Napi::Object>();
    std::string type = node.Get("type").ToString();
    std::string name = node.Get("name").ToString();
    // Everything is converted before the description is made: it can only be freed by finishing it.
    auto inputs = node.Get("inputs").As<Napi::Array>();
    auto controls = node.Get("controls").As<Napi::Array>();
    auto attributes = node.Get("attributes").As<Napi::Array>();

    Status status;
    TF_OperationDescription* description = TF_NewOperation(graph, type.c_str(), name.c_str());
    for (uint32_t i = 0; i < inputs.Length(); ++i) {
      auto input = inputs.Get(i).As<Napi::Array>();
      if (input.Length() > 0 && input.Get(0u).IsNumber()) {
        TF_AddInput(description, Output(input));
      } else {
        std::vector<TF_Output> list;
        for (uint32_t k = 0; k < input.Length(); ++k) list.push_back(Output(input.Get(k)));
        TF_AddInputList(description, list.data(), static_cast<int>(list.size()));
      }
    }
    for (uint32_t i = 0; i < controls.Length(); ++i) TF_AddControlInput(description, Operation(controls.Get(i)));
    for (uint32_t i = 0; i < attributes.Length(); ++i) {
      SetAttribute(description, attributes.Get(i).As<Napi::Object>(), status);
    }
    TF_Operation* operation = TF_FinishOperation(description, status.value);
    status.check(env);

    auto outputs = Napi::Array::New(env);
    for (int i = 0; i < TF_OperationNumOutputs(operation); ++i) {
      TF_Output output = {operation, i};
      auto entry = Napi::Object::New(env);
      entry.Set("dtype", Napi::Number::New(env, TF_OperationOutputType(output)));
      int rank = TF_GraphGetTensorNumDims(graph, output, status.value);
      status.check(env);
      if (rank < 0) {
        entry.Set("shape", env.Null());
      } else {
        std::vector<int64_t> shape(rank);
        TF_GraphGetTensorShape(graph, output, shape.data(), rank, status.value);
        status.check(env);
        entry.Set("shape", FromShape(env, shape));
      }
      outputs.Set(static_cast<uint32_t>(i), entry);
    }
    operations_.push_back(operation);
    auto result = Napi::Object::New(env);
    result.Set("operation", Napi::Number::New(env, static_cast<double>(operations_.size() - 1)));
    result.Set("outputs", outputs);
    return result;
  }

  // opDefinition(type): serialized OpDef
  Napi::Value OpDefinition(const Napi::CallbackInfo& info) {
    Status status;
    BufferPtr buffer(TF_NewBuffer(), TF_DeleteBuffer);
    TF_GraphGetOpDef(Open(info.Env()).graph, info[0].ToString().Utf8Value().c_str(), buffer.get(), status.value);
    status.check(info.Env());
    return Napi::Buffer<char>::Copy(info.Env(), static_cast<const char*>(buffer->data), buffer->length);
  }

  // graphDefinition(): serialized GraphDef
  Napi::Value GraphDefinition(const Napi::CallbackInfo& info) {
    Status status;
    BufferPtr buffer(TF_NewBuffer(), TF_DeleteBuffer);
    TF_GraphToGraphDef(Open(info.Env()).graph, buffer.get(), status.value);
    status.check(info.Env());
    return Napi::Buffer<char>::Copy(info.Env(), static_cast<const char*>(buffer->data), buffer->length);
  }

  // (feeds: [{output, dtype, shape, data}], fetches: [output], targets: [operation], trace: boolean, options?: RunOptions)
  std::unique_ptr<Run> Prepare(const Napi::CallbackInfo& info) {
    Open(info.Env());
    auto run = std::make_unique<Run>();
    auto feeds = info[0].As<Napi::Array>();
    for (uint32_t i = 0; i < feeds.Length(); ++i) {
      auto feed = feeds.Get(i).As<Napi::Object>();
      run->feeds.push_back(Output(feed.Get("output")));
      run->feedTensors.push_back(ToTensor(feed));
    }
    auto fetches = info[1].As<Napi::Array>();
    for (uint32_t i = 0; i < fetches.Length(); ++i) run->fetches.push_back(Output(fetches.Get(i)));
    auto targets = info[2].As<Napi::Array>();
    for (uint32_t i = 0; i < targets.Length(); ++i) run->targets.push_back(Operation(targets.Get(i)));
    if (info[3].ToBoolean()) run->metadata.reset(TF_NewBuffer());
    if (info[4].IsTypedArray()) {
      auto options = info[4].As<Napi::Uint8Array>();
      run->options.assign(reinterpret_cast<const char*>(options.Data()), options.ByteLength());
    }
    return run;
  }

  Napi::Value RunSync(const Napi::CallbackInfo& info) {
    auto run = Prepare(info);
    run->Execute(core_->session);
    run->status.check(info.Env());
    return run->Result(info.Env());
  }

  Napi::Value RunAsync(const Napi::CallbackInfo& info) {
    auto* worker = new RunWorker(info.Env(), core_, Prepare(info));
    auto promise = worker->deferred.Promise();
    worker->Queue();
    return promise;
  }

  Napi::Value ListDevices(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    Status status;
    TF_DeviceList* list = TF_SessionListDevices(Open(env).session, status.value);
    status.check(env);
    auto devices = Napi::Array::New(env);
    for (int i = 0; i < TF_DeviceListCount(list); ++i) {
      auto device = Napi::Object::New(env);
      device.Set("name", TF_DeviceListName(list, i, status.value));
      device.Set("type", TF_DeviceListType(list, i, status.value));
      device.Set("memoryBytes", Napi::Number::New(env, static_cast<double>(TF_DeviceListMemoryBytes(list, i, status.value))));
      devices.Set(static_cast<uint32_t>(i), device);
    }
    TF_DeleteDeviceList(list);
    status.check(env);
    return devices;
  }

  void Close(const Napi::CallbackInfo&) { core_.reset(); }

  std::shared_ptr<Core> core_;
  std::vector<TF_Operation*> operations_;
};

Napi::Value Version(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), TF_Version()); }

// Makes glibc keep freed memory for the next step instead of giving it back and faulting it in again.
void KeepFreedMemory(const Napi::CallbackInfo&) {
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 2147483647);
}

// Gives what is freed now back to the system all the same.
void ReleaseFreedMemory(const Napi::CallbackInfo&) { malloc_trim(0); }

// Logs from this level on: 0 notes, 1 warnings, 2 errors.
void SetLogLevel(const Napi::CallbackInfo& info) {
  if (absl::SetMinLogLevel) absl::SetMinLogLevel(static_cast<absl::LogSeverityAtLeast>(info[0].ToNumber().Int32Value()));
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  // Once a process: Node calls this for every thread that loads the add-on.
  static std::once_flag registered;
  std::call_once(registered, refconv::RegisterOperations);
  exports.Set("Graph", Graph::Define(env));
  exports.Set("endWithParent", Napi::Function::New(env, refconv::EndWithParent));
  exports.Set("startServer", Napi::Function::New(env, refconv::StartServer));
  exports.Set("version", Napi::Function::New(env, Version));
  exports.Set("setLogLevel", Napi::Function::New(env, SetLogLevel));
  exports.Set("keepFreedMemory", Napi::Function::New(env, KeepFreedMemory));
  exports.Set("releaseFreedMemory", Napi::Function::New(env, ReleaseFreedMemory));
  return exports;
}

}  // namespace

NODE_API_MODULE(refconv_graph, Init)
