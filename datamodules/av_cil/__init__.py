"""Lists and features as AV-CIL distributes them (github.com/weiguoPian/AV-CIL_ICCV2023)."""
