std = "lua54"
max_line_length = 120
files["spec"] = { std = "+busted" }
files["migrations-example/spec"] = { std = "+busted" }
files["migrations-example"] = { globals = { "db", "log", "vars", "json", "null", "array", "bytea", "files", "migration", "command" } }
