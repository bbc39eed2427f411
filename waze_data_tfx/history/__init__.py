"""What runs leave behind: `record` knows a run's folder, `metadata` the pipeline's ML Metadata store."""
