"""The compiled modules; everything else stands in setup.cfg and pyproject.toml."""

from pathlib import Path

from setuptools import Extension, setup

MODULES = ("_counting", "_kernel", "_solver")

# Optional: without a C compiler the same sums are done in Python and NumPy.
SHARED = [str(path) for path in sorted(Path("stance").glob("*.pxd"))]
setup(
    ext_modules=[Extension(f"stance.{name}", [f"stance/{name}.pyx"], depends=SHARED, optional=True) for name in MODULES]
)
