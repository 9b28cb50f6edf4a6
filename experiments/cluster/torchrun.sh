#!/bin/bash
# Several ranks on this machine. If one fails, all are started again, and the run goes on.
#
#     experiments/cluster/torchrun.sh --config experiments/iemf_ks.yaml --trainer.accelerator gpu
#
# RANKS=4 for so many of them, RESTARTS=0 to end with the first failure. On several machines give
# torchrun its --nnodes and --rdzv-endpoint instead of --standalone, and --trainer.num_nodes.
set -eu
ranks=${RANKS:-2}
exec torchrun --standalone --nproc-per-node "$ranks" --max-restarts "${RESTARTS:-1}" \
  -m snn_mm fit --trainer.devices "$ranks" --trainer.strategy ddp "$@"
