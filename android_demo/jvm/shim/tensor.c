/* Tensors of an interpreter. */
#include "tflite.h"

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
