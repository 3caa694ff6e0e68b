"""Writes the compressed static files before a wheel is built; pyproject.toml says all else."""

import runpy

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithCompressedFiles(build_py):
    def run(self) -> None:
        runpy.run_path("web/compression.py", run_name="__main__")
        super().run()


if __name__ == "__main__":
    setup(cmdclass={"build_py": BuildWithCompressedFiles})
