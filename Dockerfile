# A place to grade where the host offers too little, as on a Mac. From the folder of the course:
#   docker build -t nbjudge PATH_TO_THIS_REPOSITORY
#   docker run --rm --cap-add SYS_ADMIN --security-opt apparmor=unconfined -v "$PWD:/course" nbjudge grade LAB
# SYS_ADMIN lets the judge give each submission namespaces of its own; no student's code ever holds it. Without the two
# options it grades partly sealed: `docker run --rm nbjudge check` says what is missing.
# COURSE names what the notebooks import: as it is, this course's library; for another course `--build-arg COURSE="numpy"`.
FROM python:3.11-slim
RUN apt-get update && apt-get install --yes --no-install-recommends libseccomp2 && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/nbjudge
COPY . .
ARG COURSE=.
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']['labs'], sep='\n')" > labs.txt \
    && pip install --no-cache-dir --constraint requirements.txt --requirement labs.txt ${COURSE} \
    && echo /opt/nbjudge/src > "$(python -c 'import site; print(site.getsitepackages()[0])')/nbjudge.pth"
WORKDIR /course
ENTRYPOINT ["python", "-m", "nbjudge"]
CMD ["check"]
