"""What is asked of a draft, for which kind of exam? Pure texts; read by `prompting`, the pages and `pacs ai`.

A preset adds to what every draft is asked. In the words of a model's instructions: in English, whatever is answered.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pacs.ai.words import region_of
from pacs.errors import BadRequest


@dataclass(frozen=True)
class Preset:
    """`label` is what people choose by; `asks` goes to the model."""

    name: str
    label: str
    asks: str


GENERAL = "general"
# What RaDialog was trained to tell of a chest radiograph, in its order: the fourteen observations of CheXpert.
# Source: C. Pellegrini et al., RaDialog, arXiv:2311.18681, §3
CHEST = """\
This is a chest radiograph. Write the findings region by region, a line each: lines, tubes and devices with where they \
end; lungs; pleura; heart and mediastinum; bones and soft tissues; what is seen of the upper abdomen.
Decide on each of these, and name those that are present and, of those that are asked for by the region, that are \
absent: enlarged cardiomediastinum, cardiomegaly, lung opacity, lung lesion, oedema, consolidation, pneumonia, \
atelectasis, pneumothorax, pleural effusion, other pleural abnormality, fracture, support devices.
Judge the size of the heart only in posteroanterior views of an upright patient; say so where the view is another. \
Pneumonia is a conclusion and stands in the impression; the findings say opacity or consolidation."""
BRAIN = """\
This is a CT of the head. Write the findings in this order: haemorrhage inside and outside the brain (site, side); \
loss of grey-white differentiation and other early signs of an infarct (territory, side); mass effect, midline shift \
and herniation; ventricles and basal cisterns; mass or oedema; atrophy and white matter; orbits, paranasal sinuses and \
mastoids; skull and soft tissues, as far as a bone window is among the images.
An infarct of the first hours may not be seen: do not exclude one."""
MAMMOGRAPHY = """\
This is mammography. Use the words of the ACR BI-RADS atlas. Findings: composition of the breasts (a, b, c or d); then \
for each breast masses (shape, margin, density), calcifications (morphology, distribution), architectural distortion, \
asymmetries, and skin, nipple and axilla, with the quadrant or clock position and the views in which each is seen.
The impression ends with one assessment for each breast: BI-RADS 0, 1, 2, 3, 4 or 5. Give 0 when views are missing, or \
when a finding needs other views, ultrasound or earlier mammograms, which you do not have; 4 and 5 only for what is \
seen in two views. The side is the one of the marker of the view, never a guess."""
ULTRASOUND = """\
This is ultrasound: single images that the examiner chose. Write the findings organ by organ, of the organs that are \
on the images: size where a measurement is written in the image, contour, echogenicity, focal lesions, ducts and \
vessels, free fluid. Doppler as it is shown: colour, direction, and values that are written in the image.
An organ of which there is no image was not looked at: name it as not assessed, do not call it normal. Tell the side \
only where it is written in the image or told in `study`."""
CRITICAL = """\
Look only for what cannot wait until the study is read in its turn: haemorrhage, large or early infarct, herniation, \
pneumothorax (tension), free air, pulmonary embolism, aortic dissection or rupture, bowel obstruction or ischaemia, \
unstable fracture or compression of the cord, torsion, ectopic pregnancy, misplaced tubes and lines, and what is as \
urgent as these.
The findings say of each of those that this exam could show whether it is seen, not seen, or cannot be judged from \
these images. Everything else is left out. The impression is one sentence."""

PRESETS = {
    each.name: each
    for each in (
        Preset(GENERAL, "General", "Write the findings organ by organ, what matters most first."),
        Preset("chest-radiograph", "Chest radiograph (RaDialog)", CHEST),
        Preset("brain-ct", "Brain CT", BRAIN),
        Preset("mammography", "Mammography (BI-RADS)", MAMMOGRAPHY),
        Preset("ultrasound", "Ultrasound", ULTRASOUND),
        Preset("critical", "Critical findings only", CRITICAL),
    )
}


def preset_named(name: str) -> Preset:
    """Raises BadRequest."""
    found = PRESETS.get(name)
    if found is None:
        raise BadRequest(f"presets are {', '.join(PRESETS)}", field="preset")
    return found


# Of these series nothing says what was examined: documents, and pictures that somebody took beside it.
BESIDE = {"SR", "PR", "KO", "DOC", "OT", "SC", "SEG", "XC", "REG"}
RADIOGRAPHS = {"CR", "DX", "RG"}
BY_REGION = {("CT", "head"): "brain-ct", **{(each, "chest"): "chest-radiograph" for each in RADIOGRAPHS}}
BY_MODALITY = {"MG": "mammography", "US": "ultrasound"}


def preset_for(modalities: Iterable[str], texts: Iterable[str]) -> str:
    """The preset that suits a study, by modality and region; the general one where several could.

    `texts` tell what was examined, the closest first.
    """
    examined = {*modalities} - BESIDE
    if not examined or (len(examined) > 1 and not examined <= RADIOGRAPHS):
        return GENERAL
    region = next(filter(None, map(region_of, texts)), "")
    modality = min(examined)
    return BY_MODALITY.get(modality) or BY_REGION.get((modality, region), GENERAL)
