#pragma once

#include <napi.h>

namespace refconv {

Napi::Value StartServer(const Napi::CallbackInfo& info);
void EndWithParent(const Napi::CallbackInfo& info);

}  // namespace refconv
