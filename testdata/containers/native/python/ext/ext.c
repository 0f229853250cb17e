#include <Python.h>

static PyObject *word(PyObject *self, PyObject *args) { return PyUnicode_FromString("native"); }
static PyMethodDef methods[] = {{"word", word, METH_NOARGS, ""}, {NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "ext", NULL, -1, methods};

PyMODINIT_FUNC PyInit_ext(void) { return PyModule_Create(&module); }
