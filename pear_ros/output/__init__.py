"""Files and pictures for people: overlay, mesh files, parameter files, report."""
