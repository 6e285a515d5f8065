"""Result tables: their columns, writing and reading."""
