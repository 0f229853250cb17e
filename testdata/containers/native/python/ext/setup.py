from setuptools import Extension, setup

setup(name="ext", version="1", ext_modules=[Extension("ext", ["ext.c"])])
