#!/usr/bin/env bash
# What a GPU does with this library, in ten minutes: correctness tests, the rate of the LIF kernels,
# and the table of `snnmm bench`, into one JSON file. Without a GPU it runs on the CPU, smaller.
#
#     benchmarks/gpu.sh [PYTHON] [--seconds 600] [--output FILE]
#
# PYTHON has the packages of pyproject.toml, and pytest; without it .venv/bin/python, or python3.
# Exits with 0, with 1 if a correctness test failed or could not run, with 2 if nothing can run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=python3
[ -x .venv/bin/python ] && python=.venv/bin/python
if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then python=$1; shift; fi
# Sums in one order wherever cuBLAS offers it; read when CUDA starts.
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH} CUBLAS_WORKSPACE_CONFIG=:4096:8 WANDB_MODE=offline PYTHONUNBUFFERED=1
# Whether there is a GPU is asked of the driver: processes are forked of one that started no CUDA.
export PYTORCH_NVML_BASED_CUDA_CHECK=1
exec "$python" -P benchmarks/gpu_day.py "$@"
