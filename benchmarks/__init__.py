"""The figures of docs/performance.md, each measured next to its reference in the same run."""
