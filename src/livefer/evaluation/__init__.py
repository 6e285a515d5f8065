"""Models against labels: predictions, metrics, reports and plots."""
