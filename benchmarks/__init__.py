"""The figures in the README, each measured beside its reference in the same run."""
