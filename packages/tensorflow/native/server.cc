// TensorFlow's gRPC server of this process, through which it takes part in a cluster.

#include "server.h"

#include <signal.h>
#include <sys/prctl.h>

#include <string>

#include "tensorflow/c/c_api.h"

namespace refconv {

// startServer(definition: serialized ServerDef): the target for sessions.
// It lives as long as the process: TF_ServerStop gives UNIMPLEMENTED, TF_DeleteServer aborts, TF_ServerJoin waits for ever.
Napi::Value StartServer(const Napi::CallbackInfo& info) {
  auto definition = info[0].As<Napi::Uint8Array>();
  TF_Status* status = TF_NewStatus();
  TF_Server* server = TF_NewServer(definition.Data(), definition.ByteLength(), status);
  if (TF_GetCode(status) == TF_OK) TF_ServerStart(server, status);
  std::string failure = TF_GetCode(status) == TF_OK ? "" : TF_Message(status);
  TF_DeleteStatus(status);
  if (!failure.empty()) throw Napi::Error::New(info.Env(), failure);
  return Napi::String::New(info.Env(), TF_ServerTarget(server));
}

// endWithParent(): the kernel kills this process when the one that started it ends, in whatever way.
void EndWithParent(const Napi::CallbackInfo&) { prctl(PR_SET_PDEATHSIG, SIGKILL); }

}  // namespace refconv
