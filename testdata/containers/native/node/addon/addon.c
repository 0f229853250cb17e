#include <node_api.h>

static napi_value word(napi_env env, napi_callback_info info) {
  napi_value v;
  napi_create_string_utf8(env, "native", NAPI_AUTO_LENGTH, &v);
  return v;
}

NAPI_MODULE_INIT() {
  napi_value f;
  napi_create_function(env, "word", NAPI_AUTO_LENGTH, word, NULL, &f);
  napi_set_named_property(env, exports, "word", f);
  return exports;
}
