"""The compiled scoring kernel; everything else stands in setup.cfg and pyproject.toml."""

from setuptools import Extension, setup

# Optional: without a C compiler the same sums are done in NumPy.
setup(ext_modules=[Extension("stance._kernel", ["stance/_kernel.pyx"], optional=True)])
