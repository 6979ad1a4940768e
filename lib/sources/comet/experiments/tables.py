"""Where a Comet server says what about experiments."""

PROJECTS = "projects"
"""The source that lists the projects, and says nothing of experiments."""
EXPERIMENTS = "experiments"

GPU = "gpu"
"""What a project's status lacks whose experiments came, and their GPU figures did not."""

WORKSPACES_PATH = "/workspaces"
PROJECTS_PATH = "/projects"
EXPERIMENTS_PATH = "/experiments"
COLUMNS_PATH = "/project/column-names"
METRICS_PATH = "/experiments/multi-metric-chart"

PAGE_SIZE = 1_000
"""Experiments of a page."""

BATCH = 250
"""Most experiments whose metrics are asked for at once."""

BATCH_SERIES = 4_000
"""Most series of one request for metrics, unless one experiment has more."""

GPU_PREFIX = "sys.gpu"
GPU_SUFFIXES = (".gpu_utilization", ".memory_utilization")
"""Names of columns that hold percent: how busy a GPU was, and its memory's part in use."""
