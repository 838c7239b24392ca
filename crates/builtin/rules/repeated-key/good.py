COLOURS = {
    "red": {"red": 1},
    "green": {"red": 1},
    f"{red}": 1,
    f"{red}": 2,
    red: 3,
    b"red": 4,
    # "red": 5,
}
