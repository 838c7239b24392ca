import yaml

def settings(text, stream):
    first = yaml.load(text)  # expect: unsafe-yaml
    second = yaml.load(text, Loader=yaml.Loader)  # expect: unsafe-yaml
    third = yaml.unsafe_load(stream)  # expect: unsafe-yaml
    return first, second, third, list(yaml.load_all(stream))  # expect: unsafe-yaml
