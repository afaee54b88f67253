"""How fast stance is beside other systems: `benchmarks/README.md` says what is measured, and how."""
