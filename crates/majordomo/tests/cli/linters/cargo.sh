[ "$1" = clippy ] || exit 2
echo '{"reason":"compiler-message","message":{"code":{"code":"clippy::eq_op"},"level":"error","message":"m","spans":[{"file_name":"same.rs","line_start":2,"line_end":2,"column_start":5,"is_primary":true}]}}'
exit 101
