#pragma once

namespace refconv {

// Makes the operations of operations.cc known to this process's TensorFlow.
void RegisterOperations();

}  // namespace refconv
