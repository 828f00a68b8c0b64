"Build the package from the metadata in settings.ini."
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).parent
settings = ConfigParser(delimiters=['='])
settings.read(here/'settings.ini', encoding='utf-8')
meta = settings['DEFAULT']
lib = meta['lib_path']
readme = here/'README.md'

setup(
    version=meta['version'],
    description=meta['description'],
    keywords=meta['keywords'].split(),
    long_description=readme.read_text(encoding='utf-8') if readme.exists() else meta['description'],
    long_description_content_type='text/markdown',
    author=meta['author'],
    packages=find_packages(include=[lib, f'{lib}.*']),
    package_data={lib: meta['package_data'].split()},
    install_requires=meta['requirements'].split(),
    extras_require={key.removesuffix('_requirements'): value.split()
                    for key, value in meta.items() if key.endswith('_requirements')},
    classifiers=[
        f'Development Status :: {meta["status"]}',
        f'Intended Audience :: {meta["audience"]}',
        'Programming Language :: Python :: 3',
        'Typing :: Typed',
    ],
    entry_points={
        'console_scripts': meta.get('console_scripts', '').split('\n') if meta.get('console_scripts') else [],
        'nbdev': [f'{lib} = {lib}._modidx:d'],
    },
)
