"""What a program is made of besides arrays: functions, variables, objects that hold something, errors, checks."""
