"""The compiled modules; everything else stands in setup.cfg and pyproject.toml."""

from setuptools import Extension, setup

MODULES = ("_counting", "_kernel", "_solver")

# Optional: without a C compiler the same sums are done in Python and NumPy.
setup(ext_modules=[Extension(f"stance.{name}", [f"stance/{name}.pyx"], optional=True) for name in MODULES])
