"""MLflow's tracking layout: runs are read from its folders or its SQLite file, and written as its folders."""

from app.services.runs.mlflow.exporting import Exported, export_runs
from app.services.runs.mlflow.importing import Imported, import_mlflow

__all__ = ["Exported", "Imported", "export_runs", "import_mlflow"]
