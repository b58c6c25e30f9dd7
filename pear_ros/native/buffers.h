/* Arrays from Python, checked: what the kernels get has the type and the size they were written for. */
#ifndef PEAR_BUFFERS_H
#define PEAR_BUFFERS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#define MOST_BUFFERS 32

typedef struct {
    Py_buffer held[MOST_BUFFERS];
    int count;
    const char *kernel;
} Buffers;

enum { READ = 0, WRITE = PyBUF_WRITABLE };

static void release(Buffers *buffers)
{
    while (buffers->count > 0)
        PyBuffer_Release(&buffers->held[--buffers->count]);
}

/* The buffer of a C-contiguous array of one of the formats ("f", "d", "B?", ...), or NULL with ValueError. */
static Py_buffer *any_size(Buffers *buffers, PyObject *array, const char *name, const char *formats, int access)
{
    Py_buffer *found = &buffers->held[buffers->count];
    if (buffers->count == MOST_BUFFERS) {
        PyErr_Format(PyExc_SystemError, "%s: too many arrays", buffers->kernel);
        return NULL;
    }
    if (PyObject_GetBuffer(array, found, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | access) < 0)
        return NULL;
    buffers->count++;
    const char *format = found->format ? found->format : "B";
    if (format[0] == '\0' || format[1] != '\0' || strchr(formats, format[0]) == NULL) {
        PyErr_Format(PyExc_ValueError, "%s: %s: expected an array of %s, found %s", buffers->kernel, name, formats, format);
        return NULL;
    }
    return found;
}

/* The numbers of an array of `size` of them, or NULL with ValueError. */
static void *numbers(Buffers *buffers, PyObject *array, const char *name, const char *formats, Py_ssize_t size, int access)
{
    Py_buffer *found = any_size(buffers, array, name, formats, access);
    if (found == NULL)
        return NULL;
    if (found->len != size * found->itemsize) {
        PyErr_Format(PyExc_ValueError, "%s: %s: expected %zd numbers, found %zd", buffers->kernel, name, size,
                     found->len / found->itemsize);
        return NULL;
    }
    return found->buf;
}

/* The rows of an array (N, ...) of floats, each of them without gaps, or NULL with ValueError. */
static const char *rows(Buffers *buffers, PyObject *array, const char *name, Py_ssize_t count, Py_ssize_t *step,
                        Py_ssize_t *length)
{
    Py_buffer *found = &buffers->held[buffers->count];
    if (buffers->count == MOST_BUFFERS) {
        PyErr_Format(PyExc_SystemError, "%s: too many arrays", buffers->kernel);
        return NULL;
    }
    if (PyObject_GetBuffer(array, found, PyBUF_STRIDES | PyBUF_FORMAT) < 0)
        return NULL;
    buffers->count++;
    Py_ssize_t size = found->itemsize;
    int whole = found->ndim > 1 && found->shape[0] == count && found->format && strcmp(found->format, "f") == 0;
    for (int i = found->ndim - 1; whole && i > 0; i--) {
        whole = found->shape[i] <= 1 || found->strides[i] == size;
        size *= found->shape[i];
    }
    if (!whole) {
        PyErr_Format(PyExc_ValueError, "%s: %s: expected %zd rows of floats without gaps", buffers->kernel, name, count);
        return NULL;
    }
    *step = found->strides[0];
    *length = size / found->itemsize;
    return found->buf;
}

#endif
