/* What libtensorflowlite_jni.so of the app expects of Android's C library and glibc lacks, for one thread.

app_library.py renames, in the library, what both have with different meanings: the last letter is an X here. */
#include <stdarg.h>
#include <stddef.h>

extern void *stderr;
int *__errno_location(void);
int fflush(void *file);
int fputc(int letter, void *file);
int fputs(const char *text, void *file);
size_t fwrite(const void *data, size_t size, size_t count, void *file);
int vfprintf(void *file, const char *format, va_list values);
void *newlocale(int mask, const char *name, void *base);

int *__errno(void) { return __errno_location(); }

/* The standard streams are an array there. */
char __sF[3 * 152];
static void *real(void *file)
{
    char *at = file;
    return at >= __sF && at < __sF + sizeof __sF ? stderr : file;
}
int fflusX(void *file) { return fflush(real(file)); }
int fputX(int letter, void *file) { return fputc(letter, real(file)); }
size_t fwritX(const void *data, size_t size, size_t count, void *file) { return fwrite(data, size, count, real(file)); }
int vfprintX(void *file, const char *format, va_list values) { return vfprintf(real(file), format, values); }
int fprintX(void *file, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    int count = vfprintf(real(file), format, values);
    va_end(values);
    return count;
}

int __android_log_vprint(int priority, const char *tag, const char *format, va_list values)
{
    return vfprintf(stderr, format, values) + fputc('\n', stderr);
}
void android_set_abort_message(const char *message) { fputs(message, stderr); }
int __system_property_get(const char *name, char *value) { return *value = 0; }

size_t __strlen_chk(const char *text, size_t size)
{
    size_t length = 0;
    while (text[length]) length++;
    return length;
}

/* 39 and 40 are the size of a page, 96 and 97 the number of processors. */
long sysconX(int name) { return name == 39 || name == 40 ? 4096 : name == 96 || name == 97 ? 1 : -1; }

void *newlocalX(int mask, const char *name, void *base) { return newlocale(0x1fbf, "C", base); }

/* Mutexes are of another size there; one thread needs none. */
int pthread_mutex_iniX(void *mutex, const void *attributes) { return 0; }
int pthread_mutex_locX(void *mutex) { return 0; }
int pthread_mutex_unlocX(void *mutex) { return 0; }
int pthread_mutex_destroX(void *mutex) { return 0; }
int pthread_cond_destroX(void *condition) { return 0; }
int pthread_cond_signaX(void *condition) { return 0; }
int pthread_cond_broadcasX(void *condition) { return 0; }
int pthread_creatX(void *thread, const void *attributes, void *(*start)(void *), void *argument) { return 11; }
