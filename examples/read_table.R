# Reads a table of livefer in R, and prints each person's share of frames of each expression.
#
# First:  livefer video clip.mp4 --csv faces.csv      (or --parquet faces.parquet)
# Then:   Rscript examples/read_table.R faces.csv
#
# CSV needs base R only, Parquet the package nanoparquet or arrow.

path <- commandArgs(trailingOnly = TRUE)
if (length(path) != 1) stop("expected one table: Rscript read_table.R faces.csv", call. = FALSE)

if (!grepl("\\.parquet$", path)) {
  faces <- read.csv(path, na.strings = "", encoding = "UTF-8")
  faces$uncertain <- faces$uncertain == "true"
} else if (requireNamespace("nanoparquet", quietly = TRUE)) {
  faces <- as.data.frame(nanoparquet::read_parquet(path))
} else if (requireNamespace("arrow", quietly = TRUE)) {
  faces <- as.data.frame(arrow::read_parquet(path))
} else {
  stop("Parquet needs a package: install.packages(\"nanoparquet\")", call. = FALSE)
}

faces <- faces[!is.na(faces$label), ] # a frame without a face has a row, too
faces$person <- paste(basename(faces$source), ifelse(is.na(faces$track_id), "", faces$track_id))
shares <- prop.table(table(faces$person, faces$label), margin = 1)
print(round(shares, 3))
cat(sprintf("%d faces, %.1f %% uncertain\n", nrow(faces), 100 * mean(faces$uncertain)))
