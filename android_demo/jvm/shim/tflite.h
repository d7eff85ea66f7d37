/*
 * The native half of the org.tensorflow.lite classes that ship in the app, for a desktop JVM.
 *
 * On a phone it is libtensorflowlite_jni.so of the archive; here the same entry points, in interpreter.c and tensor.c,
 * call the C API that the libjnitensorflowlite.so of org.bytedeco:tensorflow-lite exports. Only what Interpreter needs
 * is here: one model, one subgraph, direct buffers, XNNPACK or the built-in kernels. Declarations are repeated because
 * that library comes without headers.
 */
#pragma once

#include <jni.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct TfLiteModel TfLiteModel;
typedef struct TfLiteInterpreterOptions TfLiteInterpreterOptions;
typedef struct TfLiteInterpreter TfLiteInterpreter;
typedef struct TfLiteTensor TfLiteTensor;
typedef struct TfLiteDelegate TfLiteDelegate;
typedef void (*TfLiteReporter)(void *user, const char *format, va_list args);

typedef struct {
    float scale;
    int32_t zero_point;
} TfLiteQuantizationParams;

/* Longer than the real one, which grows from version to version and is returned through a pointer to memory. */
typedef struct {
    int32_t num_threads;
    uint32_t flags;
    char rest[1016];
} XnnpackOptions;

extern const char *TfLiteVersion(void);
extern TfLiteModel *TfLiteModelCreateWithErrorReporter(const void *, size_t, TfLiteReporter, void *);
extern void TfLiteModelDelete(TfLiteModel *);
extern TfLiteInterpreterOptions *TfLiteInterpreterOptionsCreate(void);
extern void TfLiteInterpreterOptionsDelete(TfLiteInterpreterOptions *);
extern void TfLiteInterpreterOptionsSetNumThreads(TfLiteInterpreterOptions *, int32_t);
extern void TfLiteInterpreterOptionsSetErrorReporter(TfLiteInterpreterOptions *, TfLiteReporter, void *);
extern void TfLiteInterpreterOptionsAddDelegate(TfLiteInterpreterOptions *, TfLiteDelegate *);
extern TfLiteInterpreter *TfLiteInterpreterCreate(const TfLiteModel *, const TfLiteInterpreterOptions *);
extern void TfLiteInterpreterDelete(TfLiteInterpreter *);
extern int TfLiteInterpreterAllocateTensors(TfLiteInterpreter *);
extern int TfLiteInterpreterInvoke(TfLiteInterpreter *);
extern int TfLiteInterpreterResizeInputTensor(TfLiteInterpreter *, int32_t, const int *, int32_t);
extern int32_t TfLiteInterpreterGetInputTensorCount(const TfLiteInterpreter *);
extern int32_t TfLiteInterpreterGetOutputTensorCount(const TfLiteInterpreter *);
extern const int *TfLiteInterpreterInputTensorIndices(const TfLiteInterpreter *);
extern const int *TfLiteInterpreterOutputTensorIndices(const TfLiteInterpreter *);
extern TfLiteTensor *TfLiteInterpreterGetTensor(const TfLiteInterpreter *, int);
extern TfLiteTensor *TfLiteInterpreterGetInputTensor(const TfLiteInterpreter *, int32_t);
extern const TfLiteTensor *TfLiteInterpreterGetOutputTensor(const TfLiteInterpreter *, int32_t);
extern int TfLiteTensorType(const TfLiteTensor *);
extern int32_t TfLiteTensorNumDims(const TfLiteTensor *);
extern int32_t TfLiteTensorDim(const TfLiteTensor *, int32_t);
extern size_t TfLiteTensorByteSize(const TfLiteTensor *);
extern void *TfLiteTensorData(const TfLiteTensor *);
extern const char *TfLiteTensorName(const TfLiteTensor *);
extern TfLiteQuantizationParams TfLiteTensorQuantizationParams(const TfLiteTensor *);
extern XnnpackOptions TfLiteXNNPackDelegateOptionsDefault(void);
extern TfLiteDelegate *TfLiteXNNPackDelegateCreate(const XnnpackOptions *);
extern void TfLiteXNNPackDelegateDelete(TfLiteDelegate *);

/* What Java holds as a long. */
typedef struct {
    char message[2048];
} Errors;

typedef struct {
    TfLiteInterpreter *interpreter;
    TfLiteDelegate *xnnpack;
} Runner;

typedef struct {
    TfLiteInterpreter *interpreter;
    int index;
} TensorHandle;

#define ILLEGAL_ARGUMENT "java/lang/IllegalArgumentException"
#define ILLEGAL_STATE "java/lang/IllegalStateException"
#define NATIVE(type, name, ...) \
    JNIEXPORT type JNICALL Java_org_tensorflow_lite_##name(JNIEnv *env, jclass class, ##__VA_ARGS__)

static inline void *pointer(jlong handle) {
    return (void *)(intptr_t)handle;
}

static inline TfLiteInterpreter *interpreter_of(jlong handle) {
    return ((Runner *)pointer(handle))->interpreter;
}

static inline TfLiteTensor *tensor_of(jlong handle) {
    TensorHandle *tensor = pointer(handle);
    return TfLiteInterpreterGetTensor(tensor->interpreter, tensor->index);
}

static inline void report(void *user, const char *format, va_list args) {
    Errors *errors = user;
    size_t length = strlen(errors->message);
    vsnprintf(errors->message + length, sizeof errors->message - length, format, args);
}

static inline void throw_new(JNIEnv *env, const char *exception, const char *what, jlong errors) {
    char words[2304];
    Errors *reported = pointer(errors);
    snprintf(words, sizeof words, "%s%s", what, reported ? reported->message : "");
    if (reported) reported->message[0] = 0;
    (*env)->ThrowNew(env, (*env)->FindClass(env, exception), words);
}
