"""Which words do descriptions of examinations use, and which part of the body do they mean? Data alone.

Read by scrubbing, which lets no other word out of the house, by windows and by presets. Words of up to four letters are
known as they stand, longer ones by their beginning, for they have endings. All of them folded (`pacs.dicom.text.fold`).
"""

import re

from pacs.dicom.basic_profile import TERMS
from pacs.dicom.text import fold

SHORT = 4  # letters; longer words are beginnings
FAMILIES = ("oglu", "zade")  # how no word of the trade ends

# By region, in the order in which they are looked for: what is named most closely comes first.
REGIONS_TEXT: dict[str, str] = {
    "spine": """
        spine spinal cspine tspine lspine sspine vertebra vertebral columna omurga servikal cervical lomber lumbar
        lumbosakral lumbosacral dorsal sakrum sakral sacrum sacral koksiks coccyx omurilik torakolomber thoracolumbar
        servikotorasik cervicothoracic miyelo myelo disk disc wirbelsäule rachis позвоночник позвонк поясничн шейного
        крестц ستون فقرات کمری فقری الفقری القطنی العمود fəqərə
    """,
    "face": """
        sinus sinuses paranazal paranasal orbita orbital orbit maksilla maxilla mandibula mandible jaw dental diş çene
        temporomandibular tmj temporal kulak petroz petrous nazal nasal yüz face facial gesicht pns visage пазух орбит
        челюст سینوس اوربیت فک دندان الجیوب
    """,
    "head": """
        head brain cerebral cerebrum serebr kranial kraniyal cranial cranium kranyum beyin kafa baş skull neuro nöro
        hipofiz pituitary hypophysis schädel kopf gehirn crane cerveau cerebrale головного голова мозг череп гипофиз
        مغز سر جمجمه الدماغ الرأس دماغ هیپوفیز beyin kəllə
    """,
    "chest": """
        chest thorax thoracic toraks torasik akciğer lung lungs pulmonary pulmoner pulmo göğüs mediasten mediastinum
        kaburga kosta rib ribs sternum hrct plevra pleura kalp kardiyak cardiac heart koroner coronary kalsiyum
        calcium brust lunge poumon грудн клетк легк органов сердц коронар سینه ریه قفسه قلب کرونر الصدر الرئة ağciyər
        döş
    """,
    "neck": """
        neck boyun larinks larynx farinks pharynx nazofarinks tiroid thyroid paratiroid parathyroid karotis carotid
        hals parotis parotid submandibular cou шеи щитовид сонн گردن تیروئید کاروتید الرقبة boyun
    """,
    "abdomen": """
        abdomen abdominal abdominopelvik batın karın karaciğer liver hepatic hepatik dalak spleen böbrek kidney renal
        üriner urinary ürografi urography pankreas pancreas safra biliyer biliary gallbladder mrcp kolon colon rektum
        rectum bağırsak bowel entero appendiks appendix surrenal adrenal mide stomach mesane bladder prostat prostate
        pelvis pelvik pelvic uterus over ovary skrotal scrotal skrotum testis obstetrik obstetric fetal gebelik bauch
        becken leber niere foie rein живот брюшн печен почек почк таза простат شکم لگن کبد کلیه پروستات البطن الحوض
        qarın
    """,
    "limb": """
        extremity ekstremite kol bacak omuz shoulder dirsek elbow önkol forearm humerus radius ulna elbilek wrist
        bilek el hand parmak finger kalça hip femur uyluk diz knee tibia fibula krus ayak foot ayakbilek ankle topuk
        calcaneus kalkaneus patella klavikula clavicle skapula scapula sakroiliak sacroiliac toe arm leg schulter knie
        hüfte hand fuss epaule genou hanche pied плеч локт колен стоп голеност тазобедр кист شانه زانو مچ دست پا آرنج
        ران ساق الرکبة الکتف diz çiyin
    """,
    "breast": """
        breast meme mamma mammo mammografi mammography mammogram mamografi tomosynthesis tomosentez aksilla axilla
        brustdrüse sein молочн маммо پستان ماموگرافی الثدی süd
    """,
}
OTHERS_TEXT = """
    trifazik triple double biphasic bifazik skor skorlama score scoring boyutlu boyut spektroskopi spectroscopy
    venografi venography kolanjiyo kolanjio cholangio pankreatografi ortoröntgenogram orthoroentgenogram skolyoz
    scoliosis panoramik panoramic siste system sisto cystography üretrografi urethrography mineral vücut body
    miyokard myocard view views complete tam partial abd pel head neck adbg мозга полости ротов контрастом контрастн
    бесконтраст нативн снимок органов сустав сосуд артери вен костей таз рентгенограф томографи слева справа проекци
    رخ نیمرخ دستگاه للدماغ للصدر بالرنين بالأشعة تصوير أشعة الأشعة مقطعية البطن للبطن والحوض للركبة صورة frfse frfset2
    flex dyn imr rcc lcc rmlo lmlo tomo mammogram bone echo transthoracic cine perf cbf cbv mtt tmax ttp rcbv
    anjiografik aksillar pvr nephrostomy sinogram fistulografi fistulography retrograd retrograde antegrad antegrade
    sialografi sialography myelografi myelography artrografi arthrography defekografi defecography kapsül capsule çift
    pre post ardışık ct bt bbt mr mri mrg mra mrv mrcp us usg xa dx cr mg pet nm rf dsa bta cta hrct ctpa cbct dexa
    spect cad tomografi tomography tomographie томограф bilgisayarlı computed manyetik magnetic rezonans resonance
    магнитно резонанс ultrason ultrasonografi ultrasound ultrasonography sonografi sonography doppler renkli color
    colour grafi grafisi direkt direct radiography radiograph radyografi radyoloji radiology röntgen xray рентген
    ultraschall узи кт мрт пэт мскт anjiyo anjiyografi anjio angio angiography angiografi ангиограф floroskopi
    fluoroscopy nükleer nuclear sintigrafi scintigraphy dansitometri densitometry kemik knochen кост استخوان العظام
    ekokardiyografi echocardiography سونوگرافی سی تی اسکن ام آر آی رادیوگرافی توموگرافی داپلر المقطعية الرنين
    المغناطيسي تصویربرداری kontrast kontrastlı kontrastsız contrast enhanced unenhanced nonenhanced контраст
    kontrastmittel کنتراست بدون تزریق با ile iv oral ilaçlı ilaçsız without with late early delay delayed geç erken
    faz phase arterial arteriyel arteryel venous venöz portal nefrografik nephrographic equilibrium native natif nativ
    plain düz dynamic dinamik perfusion perfüzyon diffusion difüzyon diff dwi dti adc swi flair stir tirm tse fse tfe
    ffe gre spgr fspgr vibe haste space mprage bravo cube fiesta ciss tof pca dixon ideal epi asl bold spir spair
    fatsat fat sat sup water in out opp trace map trufi bssfp lava thrive blade propeller radial spin gradient
    inversion recovery turbo flash ax axial aksiyel aksiyal sag sagittal sagit cor coronal koronal tra trans
    transverse oblique oblik obl ap pa lat lateral yan frontal ön arka anterior posterior medial supine prone erect
    ayakta yatarak decubitus mlo cc iki yönlü tek yön pozisyon position sağ sol right left bilateral unilateral rechts
    links droite gauche прав лев راست چپ دو طرفه اليمنى اليسرى tümü tüm whole full total upper lower middle üst alt
    orta superior inferior proximal distal ince kesit thin thick slice slices slab mpr mip minip vrt recon
    reconstruction reformat reformatted rekonstrüksiyon soft tissue yumuşak doku parenkim parenchyma parankim window
    kernel sharp smooth standard stand std medium edge detail ultra high low low-dose lowdose doz dose resolution res
    hires isotropic volume helical spiral sequential seq gated gating prospective retrospective diastole systole
    expiration inspiration inspiryum ekspiryum breath hold free trigger triggered motion corrected filtered subtracted
    subtraction sub mask delta fusion fused registered localizer localiser loc scout topogram surview survey pilot
    scano scanogram scan scans lokalizer screening tarama follow control kontrol diagnostic routine rutin protocol
    protokol study exam examination tetkik inceleme çekim görüntüleme imaging image images series seri исследован
    обследован بررسی فحص tədqiqat müayinə emergency acil trauma travma stroke inme tumor tümör mass kitle nodule nodül
    lesion lezyon embolism emboli ppe aort aorta aortic aortik vein ven arter artery vessel damar vascular vasküler
    periferik peripheral varis iliac iliak femoral popliteal jugular subclavian vena cava boşaltım miksiyon voiding
    histerosalpingografi hsg ivp özofagus esophagus ösofagus pasaj passage lumen baryum barium enema lavman
    kolonoskopi virtual sanal biopsy biyopsi girişim intervention drainage drenaj puncture guided eşliğinde planning
    planlama simulation adult child pediatric pediatrik erişkin çocuk infant neonatal yenidoğan kind eklem joint
    muscle kas tendon ligament menisküs meniscus cartilage kıkırdak göz eye optic optik iç inner acoustic akustik
    kanal canal foramen fossa base kaide kaidesi pleks plexus brakiyal brachial yüzeyel superficial deep derin lenf
    lymph node nod bez gland cilt skin altı duvar wall hernia fıtık inguinal kasık ve and und et и و of the for bölge
    bölgesi region area alan için other diğer unspecified test phantom fantom kalite quality torakoabdominal
    thoracoabdominal angulated multiplanar reg tet rad çok multi dual single energy mono poly iodine iyot
    monoenergetic keV kvp
"""

LETTERS = re.compile(r"[^\W\d_]+")


def folded(words: str) -> frozenset[str]:
    """The pieces of letters of a text, each as it is compared."""
    return frozenset(fold(each) for each in LETTERS.findall(words))


REGIONS = {region: folded(words) for region, words in REGIONS_TEXT.items()}
KNOWN = folded(OTHERS_TEXT).union(*REGIONS.values(), folded(" ".join(TERMS)))


def begins(word: str, known: frozenset[str]) -> bool:
    """Whether a folded word is one of these, or has one of more than four letters at its beginning."""
    if word in known:
        return True
    return not word.endswith(FAMILIES) and any(word[:length] in known for length in range(SHORT + 1, len(word)))


def region_of(words: str) -> str:
    """The part of the body that a text names, by the order of REGIONS; empty when it names none."""
    found = [part for each in LETTERS.findall(words) for part in parts(fold(each))]
    return next((region for region, known in REGIONS.items() if any(begins(each, known) for each in found)), "")


def is_known(word: str) -> bool:
    """Whether a folded word is one of descriptions, and so nobody's name (unless the study's people are called so)."""
    return any(begins(each, KNOWN) for each in parts(word))


def parts(word: str) -> tuple[str, ...]:
    """A folded word, or the two that devices have written as one: HeadRoutine."""
    for length in range(SHORT, len(word) - SHORT + 1):
        if word[:length] in KNOWN and word[length:] in KNOWN:
            return word[:length], word[length:]
    return (word,)
