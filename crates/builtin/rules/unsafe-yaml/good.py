import yaml

def settings(text, loader):
    one = yaml.safe_load(text)
    two = yaml.load(text, Loader=yaml.SafeLoader)
    three = yaml.load(text, Loader=loader)
    four = yaml.load(text, yaml.CSafeLoader)
    five = yaml.load(text, Loader=Loader)
    return one, two, three, four, "yaml.load(text)"
