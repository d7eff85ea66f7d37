"""The app's native library on glibc: `libtensorflowlite_jni.so` for arm64, called through its C API.

The library is made for Android's C library. What glibc lacks is in bionic.c, which `make judges` compiles;
names that both have with different meanings are renamed in a copy of the library. It runs on one thread.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

_RENAMED = (
    *("pthread_mutex_init", "pthread_mutex_lock", "pthread_mutex_unlock", "pthread_mutex_destroy"),
    *("pthread_cond_signal", "pthread_cond_broadcast", "pthread_cond_destroy", "pthread_create"),
    *("sysconf", "newlocale", "vfprintf", "fprintf", "fputc", "fflush", "fwrite"),
)
_LOAD, _DYNAMIC = 1, 2
_NEEDED, _STRINGS, _STRINGS_SIZE = 1, 5, 10
_VERSIONS = (0x6FFFFFF0, 0x6FFFFFFC, 0x6FFFFFFD, 0x6FFFFFFE, 0x6FFFFFFF)
_IGNORED = 0x6000000D

_P, _SIZE, _INT = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int32
# Result, then arguments: tensorflow/lite/c/c_api.h and tensorflow/lite/delegates/xnnpack/xnnpack_delegate.h.
_FUNCTIONS = {
    "TfLiteVersion": (ctypes.c_char_p,),
    "TfLiteModelCreateFromFile": (_P, ctypes.c_char_p),
    "TfLiteInterpreterOptionsCreate": (_P,),
    "TfLiteInterpreterOptionsSetNumThreads": (None, _P, _INT),
    "TfLiteInterpreterOptionsAddDelegate": (None, _P, _P),
    "TfLiteInterpreterCreate": (_P, _P, _P),
    "TfLiteInterpreterAllocateTensors": (_INT, _P),
    "TfLiteInterpreterInvoke": (_INT, _P),
    "TfLiteInterpreterGetInputTensor": (_P, _P, _INT),
    "TfLiteInterpreterGetOutputTensor": (_P, _P, _INT),
    "TfLiteTensorByteSize": (_SIZE, _P),
    "TfLiteTensorType": (_INT, _P),
    "TfLiteTensorCopyFromBuffer": (_INT, _P, _P, _SIZE),
    "TfLiteTensorCopyToBuffer": (_INT, _P, _P, _SIZE),
    "TfLiteXNNPackDelegateCreate": (_P, _P),
}
_DTYPES = {1: np.float32, 3: np.uint8, 9: np.int8}


class _DelegateOptions(ctypes.Structure):
    """The number of threads comes first; the rest, whose size changes, stays as the library made it."""

    _fields_ = (("num_threads", ctypes.c_int32), ("rest", ctypes.c_char * 1020))


class Library:
    """The library, loaded.

    Args:
        original: The file in the APK; a changed copy is written to the folder.
        folder: A temporary folder.
        bionic: bionic.c, compiled.

    Raises:
        OSError: It needs something that is missing here.
    """

    def __init__(self, original: Path, folder: Path, bionic: Path) -> None:
        copy = folder / "library.so"
        copy.write_bytes(_for_glibc(original.read_bytes()))
        for needed in ("libm.so.6", str(bionic)):
            ctypes.CDLL(needed, ctypes.RTLD_GLOBAL)
        self._library = ctypes.CDLL(str(copy))
        for name, (result, *arguments) in _FUNCTIONS.items():
            function = getattr(self._library, name)
            function.restype, function.argtypes = result, arguments
        self._library.TfLiteXNNPackDelegateOptionsDefault.restype = _DelegateOptions

    @property
    def version(self) -> str:
        """What it calls itself, e.g. `2.16.1`."""
        return self._library.TfLiteVersion().decode()

    def run(self, model: str, inputs: Sequence[np.ndarray], xnnpack: bool) -> list[np.ndarray]:
        """The output for every input, on one thread.

        Args:
            model: A .tflite with one input and one output.
            inputs: Tensors of the input's shape and type.
            xnnpack: Whether XNNPACK runs it, as in the app, or the built-in kernels.

        Raises:
            RuntimeError: A call failed.
        """
        call = self._library
        options = call.TfLiteInterpreterOptionsCreate()
        call.TfLiteInterpreterOptionsSetNumThreads(options, 1)
        if xnnpack:
            chosen = call.TfLiteXNNPackDelegateOptionsDefault()
            chosen.num_threads = 1
            delegate = call.TfLiteXNNPackDelegateCreate(ctypes.byref(chosen))
            call.TfLiteInterpreterOptionsAddDelegate(options, delegate)
        loaded = call.TfLiteModelCreateFromFile(model.encode())
        interpreter = loaded and call.TfLiteInterpreterCreate(loaded, options)
        if not interpreter:
            raise RuntimeError("it cannot load the model")
        _require(call.TfLiteInterpreterAllocateTensors(interpreter), "allocating the tensors")
        taken = call.TfLiteInterpreterGetInputTensor(interpreter, 0)
        given = call.TfLiteInterpreterGetOutputTensor(interpreter, 0)
        outputs = []
        for tensor in inputs:
            data = np.ascontiguousarray(tensor)
            _require(call.TfLiteTensorCopyFromBuffer(taken, data.ctypes.data, data.nbytes), "the input")
            _require(call.TfLiteInterpreterInvoke(interpreter), "the model")
            dtype = np.dtype(_DTYPES[call.TfLiteTensorType(given)])
            output = np.empty(call.TfLiteTensorByteSize(given) // dtype.itemsize, dtype)
            _require(call.TfLiteTensorCopyToBuffer(given, output.ctypes.data, output.nbytes), "the output")
            outputs.append(output)
        return outputs


def _require(status: int, what: str) -> None:
    if status:
        raise RuntimeError(f"{what} failed with status {status}")


def _for_glibc(original: bytes) -> bytes:
    """A copy without the names and versions of Android's libraries, and with `_RENAMED` ending in X."""
    data = bytearray(original)
    headers, count = struct.unpack_from("<Q", data, 0x20)[0], struct.unpack_from("<H", data, 0x38)[0]
    found = [struct.unpack_from("<IIQQQQ", data, headers + 56 * number) for number in range(count)]
    loads = [(address, offset, size) for kind, _, offset, address, _, size in found if kind == _LOAD]
    (begin, size), *_ = [(offset, size) for kind, _, offset, _, _, size in found if kind == _DYNAMIC]
    tags = {}
    for at in range(begin, begin + size, 16):
        tag, value = struct.unpack_from("<QQ", data, at)
        tags[tag] = value
        if tag in (_NEEDED, *_VERSIONS):
            struct.pack_into("<Q", data, at, _IGNORED)
    begin = next(tags[_STRINGS] - a + offset for a, offset, n in loads if a <= tags[_STRINGS] < a + n)
    for name in _RENAMED:
        at = data.find(f"\0{name}\0".encode(), begin - 1, begin + tags[_STRINGS_SIZE])
        if at >= 0:
            data[at + len(name)] = ord("X")
    return bytes(data)
