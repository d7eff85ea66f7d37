/*
 * The native half of the org.tensorflow.lite classes that ship in the app, for a desktop JVM.
 *
 * On a phone it is libtensorflowlite_jni.so of the archive; here the same entry points call the C API that the
 * libjnitensorflowlite.so of org.bytedeco:tensorflow-lite exports. Only what Interpreter needs is here: one model,
 * one subgraph, direct buffers, XNNPACK or the built-in kernels. Declarations are repeated because that library
 * comes without headers.
 */
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

static void *pointer(jlong handle) {
    return (void *)(intptr_t)handle;
}

static TfLiteInterpreter *interpreter_of(jlong handle) {
    return ((Runner *)pointer(handle))->interpreter;
}

static TfLiteTensor *tensor_of(jlong handle) {
    TensorHandle *tensor = pointer(handle);
    return TfLiteInterpreterGetTensor(tensor->interpreter, tensor->index);
}

static void report(void *user, const char *format, va_list args) {
    Errors *errors = user;
    size_t length = strlen(errors->message);
    vsnprintf(errors->message + length, sizeof errors->message - length, format, args);
}

static void throw_new(JNIEnv *env, const char *exception, const char *what, jlong errors) {
    char words[2304];
    Errors *reported = pointer(errors);
    snprintf(words, sizeof words, "%s%s", what, reported ? reported->message : "");
    if (reported) reported->message[0] = 0;
    (*env)->ThrowNew(env, (*env)->FindClass(env, exception), words);
}

/* Replaces the one of the library below, which would look for classes that are not here. */
JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM *vm, void *reserved) {
    (void)vm, (void)reserved;
    return JNI_VERSION_1_8;
}

NATIVE(void, TensorFlowLite_nativeDoNothing) {
    (void)env, (void)class;
}

NATIVE(jstring, InterpreterFactoryImpl_nativeRuntimeVersion) {
    (void)class;
    return (*env)->NewStringUTF(env, TfLiteVersion());
}

NATIVE(jstring, InterpreterFactoryImpl_nativeSchemaVersion) {
    (void)class;
    return (*env)->NewStringUTF(env, "3");
}

NATIVE(jlong, NativeInterpreterWrapper_createErrorReporter, jint size) {
    (void)env, (void)class, (void)size;
    return (intptr_t)calloc(1, sizeof(Errors));
}

NATIVE(jlong, NativeInterpreterWrapper_createModelWithBuffer, jobject buffer, jlong errors) {
    (void)class;
    void *bytes = (*env)->GetDirectBufferAddress(env, buffer);
    size_t size = (*env)->GetDirectBufferCapacity(env, buffer);
    TfLiteModel *model = TfLiteModelCreateWithErrorReporter(bytes, size, report, pointer(errors));
    if (!model) throw_new(env, ILLEGAL_ARGUMENT, "ByteBuffer is not a valid TensorFlow Lite model flatbuffer", 0);
    return (intptr_t)model;
}

NATIVE(jlong, NativeInterpreterWrapper_createInterpreter, jlong model, jlong errors, jint threads, jboolean xnnpack,
       jobject delegates) {
    (void)class, (void)delegates;
    Runner *runner = calloc(1, sizeof *runner);
    TfLiteInterpreterOptions *options = TfLiteInterpreterOptionsCreate();
    TfLiteInterpreterOptionsSetErrorReporter(options, report, pointer(errors));
    if (threads > 0) TfLiteInterpreterOptionsSetNumThreads(options, threads);
    if (xnnpack) {
        XnnpackOptions chosen = TfLiteXNNPackDelegateOptionsDefault();
        if (threads > 0) chosen.num_threads = threads;
        runner->xnnpack = TfLiteXNNPackDelegateCreate(&chosen);
        TfLiteInterpreterOptionsAddDelegate(options, runner->xnnpack);
    }
    runner->interpreter = TfLiteInterpreterCreate(pointer(model), options);
    TfLiteInterpreterOptionsDelete(options);
    if (runner->interpreter) return (intptr_t)runner;
    if (runner->xnnpack) TfLiteXNNPackDelegateDelete(runner->xnnpack);
    free(runner);
    throw_new(env, ILLEGAL_ARGUMENT, "Internal error: Cannot create interpreter: ", errors);
    return 0;
}

NATIVE(void, NativeInterpreterWrapper_delete, jlong errors, jlong model, jlong handle) {
    (void)env, (void)class;
    Runner *runner = pointer(handle);
    if (runner) {
        TfLiteInterpreterDelete(runner->interpreter);
        if (runner->xnnpack) TfLiteXNNPackDelegateDelete(runner->xnnpack);
        free(runner);
    }
    if (model) TfLiteModelDelete(pointer(model));
    free(pointer(errors));
}

NATIVE(jlong, NativeInterpreterWrapper_createCancellationFlag, jlong handle) {
    (void)env, (void)class, (void)handle;
    return 0;
}

NATIVE(jlong, NativeInterpreterWrapper_deleteCancellationFlag, jlong flag) {
    (void)env, (void)class, (void)flag;
    return 0;
}

NATIVE(jboolean, NativeInterpreterWrapper_hasUnresolvedFlexOp, jlong handle) {
    (void)env, (void)class, (void)handle;
    return JNI_FALSE;
}

NATIVE(void, NativeInterpreterWrapper_allowFp16PrecisionForFp32, jlong handle, jboolean allow) {
    (void)env, (void)class, (void)handle, (void)allow;
}

NATIVE(void, NativeInterpreterWrapper_allowBufferHandleOutput, jlong handle, jboolean allow) {
    (void)env, (void)class, (void)handle, (void)allow;
}

NATIVE(jlong, NativeInterpreterWrapper_allocateTensors, jlong handle, jlong errors) {
    (void)class;
    if (TfLiteInterpreterAllocateTensors(interpreter_of(handle))) {
        throw_new(env, ILLEGAL_STATE, "Internal error: Unexpected failure when preparing tensor allocations: ",
                  errors);
    }
    return 0;
}

NATIVE(void, NativeInterpreterWrapper_run, jlong handle, jlong errors) {
    (void)class;
    if (TfLiteInterpreterInvoke(interpreter_of(handle))) {
        throw_new(env, ILLEGAL_STATE, "Internal error: Failed to run on the given Interpreter: ", errors);
    }
}

NATIVE(jboolean, NativeInterpreterWrapper_resizeInput, jlong handle, jlong errors, jint input, jintArray shape,
       jboolean strict) {
    (void)class, (void)strict;
    TfLiteTensor *tensor = TfLiteInterpreterGetInputTensor(interpreter_of(handle), input);
    jint wanted[16];
    jsize rank = (*env)->GetArrayLength(env, shape);
    if (rank > 16) rank = 16;
    (*env)->GetIntArrayRegion(env, shape, 0, rank, wanted);
    int same = TfLiteTensorNumDims(tensor) == rank;
    for (jsize i = 0; same && i < rank; i++) same = TfLiteTensorDim(tensor, i) == wanted[i];
    if (same) return JNI_FALSE;
    if (TfLiteInterpreterResizeInputTensor(interpreter_of(handle), input, (const int *)wanted, rank)) {
        throw_new(env, ILLEGAL_ARGUMENT, "Internal error: Failed to resize input: ", errors);
    }
    return JNI_TRUE;
}

NATIVE(jint, NativeInterpreterWrapper_getInputCount, jlong handle) {
    (void)env, (void)class;
    return TfLiteInterpreterGetInputTensorCount(interpreter_of(handle));
}

NATIVE(jint, NativeInterpreterWrapper_getOutputCount, jlong handle) {
    (void)env, (void)class;
    return TfLiteInterpreterGetOutputTensorCount(interpreter_of(handle));
}

NATIVE(jint, NativeInterpreterWrapper_getInputTensorIndex, jlong handle, jint input) {
    (void)env, (void)class;
    return TfLiteInterpreterInputTensorIndices(interpreter_of(handle))[input];
}

NATIVE(jint, NativeInterpreterWrapper_getOutputTensorIndex, jlong handle, jint output) {
    (void)env, (void)class;
    return TfLiteInterpreterOutputTensorIndices(interpreter_of(handle))[output];
}

static jobjectArray strings(JNIEnv *env, jsize size) {
    return (*env)->NewObjectArray(env, size, (*env)->FindClass(env, "java/lang/String"), NULL);
}

NATIVE(jobjectArray, NativeInterpreterWrapper_getInputNames, jlong handle) {
    (void)class;
    jsize count = TfLiteInterpreterGetInputTensorCount(interpreter_of(handle));
    jobjectArray names = strings(env, count);
    for (jsize i = 0; i < count; i++) {
        const char *name = TfLiteTensorName(TfLiteInterpreterGetInputTensor(interpreter_of(handle), i));
        (*env)->SetObjectArrayElement(env, names, i, (*env)->NewStringUTF(env, name));
    }
    return names;
}

NATIVE(jobjectArray, NativeInterpreterWrapper_getOutputNames, jlong handle) {
    (void)class;
    jsize count = TfLiteInterpreterGetOutputTensorCount(interpreter_of(handle));
    jobjectArray names = strings(env, count);
    for (jsize i = 0; i < count; i++) {
        const char *name = TfLiteTensorName(TfLiteInterpreterGetOutputTensor(interpreter_of(handle), i));
        (*env)->SetObjectArrayElement(env, names, i, (*env)->NewStringUTF(env, name));
    }
    return names;
}

NATIVE(jobjectArray, NativeInterpreterWrapper_getSignatureKeys, jlong handle) {
    (void)class, (void)handle;
    return strings(env, 0);
}

NATIVE(jlong, TensorImpl_create, jlong handle, jint index, jint subgraph) {
    (void)env, (void)class, (void)subgraph;
    TensorHandle *tensor = calloc(1, sizeof *tensor);
    tensor->interpreter = interpreter_of(handle);
    tensor->index = index;
    return (intptr_t)tensor;
}

NATIVE(void, TensorImpl_delete, jlong handle) {
    (void)env, (void)class;
    free(pointer(handle));
}

NATIVE(jobject, TensorImpl_buffer, jlong handle) {
    (void)class;
    TfLiteTensor *tensor = tensor_of(handle);
    void *data = TfLiteTensorData(tensor);
    return data ? (*env)->NewDirectByteBuffer(env, data, TfLiteTensorByteSize(tensor)) : NULL;
}

NATIVE(void, TensorImpl_writeDirectBuffer, jlong handle, jobject buffer) {
    (void)class;
    void *source = (*env)->GetDirectBufferAddress(env, buffer);
    TfLiteTensor *tensor = tensor_of(handle);
    if (source) {
        memcpy(TfLiteTensorData(tensor), source, TfLiteTensorByteSize(tensor));
    } else {
        throw_new(env, ILLEGAL_ARGUMENT, "Input ByteBuffer is not a direct buffer", 0);
    }
}

NATIVE(jint, TensorImpl_dtype, jlong handle) {
    (void)env, (void)class;
    return TfLiteTensorType(tensor_of(handle));
}

NATIVE(jintArray, TensorImpl_shape, jlong handle) {
    (void)class;
    TfLiteTensor *tensor = tensor_of(handle);
    jsize rank = TfLiteTensorNumDims(tensor);
    jintArray shape = (*env)->NewIntArray(env, rank);
    for (jsize i = 0; i < rank; i++) {
        jint side = TfLiteTensorDim(tensor, i);
        (*env)->SetIntArrayRegion(env, shape, i, 1, &side);
    }
    return shape;
}

NATIVE(jintArray, TensorImpl_shapeSignature, jlong handle) {
    return Java_org_tensorflow_lite_TensorImpl_shape(env, class, handle);
}

NATIVE(jint, TensorImpl_numBytes, jlong handle) {
    (void)env, (void)class;
    return (jint)TfLiteTensorByteSize(tensor_of(handle));
}

NATIVE(jboolean, TensorImpl_hasDelegateBufferHandle, jlong handle) {
    (void)env, (void)class, (void)handle;
    return JNI_FALSE;
}

NATIVE(jint, TensorImpl_index, jlong handle) {
    (void)env, (void)class;
    return ((TensorHandle *)pointer(handle))->index;
}

NATIVE(jstring, TensorImpl_name, jlong handle) {
    (void)class;
    return (*env)->NewStringUTF(env, TfLiteTensorName(tensor_of(handle)));
}

NATIVE(jfloat, TensorImpl_quantizationScale, jlong handle) {
    (void)env, (void)class;
    return TfLiteTensorQuantizationParams(tensor_of(handle)).scale;
}

NATIVE(jint, TensorImpl_quantizationZeroPoint, jlong handle) {
    (void)env, (void)class;
    return TfLiteTensorQuantizationParams(tensor_of(handle)).zero_point;
}
