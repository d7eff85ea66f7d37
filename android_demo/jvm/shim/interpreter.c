/* Models and interpreters. */
#include "tflite.h"

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
