"""What a person looks at: a run's report, runs side by side, event files for TensorBoard."""

from framework.training.report.comparison import compare_runs
from framework.training.report.record import RunRecord
from framework.training.report.run_report import write_report
from framework.training.report.table_file import write_csv
from framework.training.report.tensorboard import EventWriter

__all__ = ["EventWriter", "RunRecord", "compare_runs", "write_csv", "write_report"]
